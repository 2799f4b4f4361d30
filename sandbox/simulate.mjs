// Judges requests with an offline policy simulator: a JSON list of simulations on standard input,
// the list of their decisions on standard output. One process judges them all.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const decisions = []
for (const simulation of JSON.parse(readFileSync(0, 'utf8'))) {
  const result = await runSimulation(simulation, {})
  if (result.resultType !== 'single') {
    const { request } = simulation
    throw new Error(`no decision: ${JSON.stringify({ request, errors: result.errors })}`)
  }
  decisions.push(result.overallResult)
}
process.stdout.write(JSON.stringify(decisions))
