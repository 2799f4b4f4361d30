// Decides requests with an offline policy simulator. For each line of standard input, a JSON list of
// simulations, it writes a line to standard output: the decisions, or an error.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

async function decide(simulation) {
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
  return decision
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = { decisions: await Promise.all(JSON.parse(line).map(decide)) }
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
