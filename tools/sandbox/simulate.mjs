// Decides requests with an offline policy simulator. For each line of standard input, a JSON object
// with simulations and the documents of their policies by key, it writes a line to standard output:
// the decisions, or an error.
import { createInterface } from 'node:readline'
import {
  createValidatedPolicy,
  validateIdentityPolicy,
  validateResourceControlPolicy,
  validateServiceControlPolicy,
} from '@cloud-copilot/iam-policy'
import { runSimulation } from '@cloud-copilot/iam-simulate'

// The simulator compares each letter of an ARN with the same options. To look their rules up each time
// would take more than a third of the whole time.
const { localeCompare } = String.prototype
const ignoringCase = new Intl.Collator(undefined, { sensitivity: 'accent' })
String.prototype.localeCompare = function (other, locales, options) {
  return locales === undefined && options?.sensitivity === 'accent'
    ? ignoringCase.compare(this, other)
    : localeCompare.call(this, other, locales, options)
}

// A policy is validated once, not for each request: that takes as long as the simulation.
function once(validate, documents) {
  const validated = {}
  return ({ name, policy }) => {
    validated[policy] ??= createValidatedPolicy(documents[policy], validate)
    return { name, policy: validated[policy] }
  }
}

function decideAll({ documents, simulations }) {
  const identity = once(validateIdentityPolicy, documents)
  const control = once(validateServiceControlPolicy, documents)
  const resourceControl = once(validateResourceControlPolicy, documents)
  return Promise.all(
    simulations.map((asked) =>
      decide({
        ...asked,
        identityPolicies: asked.identityPolicies.map(identity),
        serviceControlPolicies: asked.serviceControlPolicies.map((unit) => ({
          ...unit,
          policies: unit.policies.map(control),
        })),
        resourceControlPolicies: asked.resourceControlPolicies.map((unit) => ({
          ...unit,
          policies: unit.policies.map(resourceControl),
        })),
        permissionBoundaryPolicies: asked.permissionBoundaryPolicies?.map(identity),
      })
    )
  )
}

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
    answer = { decisions: await decideAll(JSON.parse(line)) }
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
