/** An edit of states as the model host takes it. */
import { StudioError } from '../../contract/errors.ts'
import type { ControlInput } from '../../model-host/messages.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Project } from '../project/project.ts'
import { weightedSum } from '../value/weighted-sum.ts'
import type { ControlPlan } from './method.ts'

/** Sends the plan's value functions, as their weighted sum, and gives the plan in units of the raw state. @throws StudioError 'bad-request' */
export async function sendControl(project: Project, host: HostClient, plan: ControlPlan): Promise<ControlInput> {
  const terms = plan.terms.map(({ valueFunction, weight }) => ({ ...project.valueFunctions.detail(valueFunction), weight }))
  for (const { id, inputDim } of terms) {
    if (inputDim === host.loaded.stateSize) continue
    throw new StudioError('bad-request', `value function ${id} takes states of ${inputDim} numbers, this model's have ${host.loaded.stateSize}: it belongs to another model`)
  }
  const bent = terms.find(({ hiddenDims }) => plan.linear && hiddenDims.length > 0)
  if (bent !== undefined) throw new StudioError('bad-request', `value function ${bent.id} is not linear, so it has no fixed direction: train one with no hidden layer, or as the difference of means`)
  // alpha is in units of each one's standardised states: a step of alpha c^2 in the raw state, with its own c
  const unit = (terms[0]?.scale ?? 1) ** 2
  const network = terms.map(({ id, weight }) => `${id}*${weight}`).join('+')
  await host.setNetwork(network, () => weightedSum(terms.map(({ id, scale, weight }) => ({ network: project.valueFunctions.network(id), weight: (weight * scale ** 2) / unit }))))
  const { alpha, updates, target, tolerance, maxEdit } = plan
  return { network, stepSize: alpha * unit, updates, target, tolerance, maxEdit }
}
