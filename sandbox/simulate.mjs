// Judges requests with an offline policy simulator: a JSON list of simulations on standard input,
// the list of their decisions on standard output. One process judges them all.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const decisions = []
for (const simulation of JSON.parse(readFileSync(0, 'utf8'))) {
  const result = await runSimulation(simulation, {})
  // A request for every resource of an action that has resource types is judged for each type.
  const found = new Set(
    result.resultType === 'wildcard'
      ? result.results.map(({ analysis }) => analysis.result)
      : [result.overallResult]
  )
  const [decision] = found
  if (found.size !== 1 || decision === undefined) {
    const { request } = simulation
    throw new Error(`no decision: ${JSON.stringify({ request, errors: result.errors })}`)
  }
  decisions.push(decision)
}
process.stdout.write(JSON.stringify(decisions))
