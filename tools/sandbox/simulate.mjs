// Decides requests with an offline policy simulator. Reads a JSON list of simulations from standard
// input, and writes the list of decisions to standard output.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const decisions = []
for (const simulation of JSON.parse(readFileSync(0, 'utf8'))) {
  const result = await runSimulation(simulation, {})
  // A request for all resources of an action with resource types has a decision for each type.
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
