/** An edit of states as the model host takes it. */
import { StudioError } from '../../contract/errors.ts'
import type { ControlInput } from '../../model-host/messages/generate.ts'
import type { Network } from '../../model-host/messages/train.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Project } from '../project/project.ts'
import { weightedSum } from '../value/weighted-sum.ts'
import type { ControlPlan } from './method.ts'

/** What a plan ascends, as one value function. */
export interface Ascended {
  /** the same for the same sum */
  name: string
  /** c^2: alpha is in units of each one's standardised states, and a step of alpha c^2 in the raw state */
  unit: number
  read(): Network
}

/** The weighted sum of the plan's value functions. @throws StudioError 'bad-request' or 'not-found' */
export function ascendedBy(project: Project, plan: ControlPlan, stateSize: number): Ascended {
  const terms = plan.terms.map(({ valueFunction, weight }) => ({ ...project.valueFunctions.detail(valueFunction), weight }))
  for (const { id, inputDim } of terms) {
    if (inputDim === stateSize) continue
    throw new StudioError('bad-request', `value function ${id} takes states of ${inputDim} numbers, this model's have ${stateSize}: it belongs to another model`)
  }
  const bent = terms.find(({ hiddenDims }) => plan.linear && hiddenDims.length > 0)
  if (bent !== undefined) throw new StudioError('bad-request', `value function ${bent.id} is not linear, so it has no fixed direction: train one with no hidden layer, or as the difference of means`)
  const unit = (terms[0]?.scale ?? 1) ** 2
  return {
    unit,
    name: terms.map(({ id, weight }) => `${id}*${weight}`).join('+'),
    // each one's own c
    read: () => weightedSum(terms.map(({ id, scale, weight }) => ({ network: project.valueFunctions.network(id), weight: (weight * scale ** 2) / unit })))
  }
}

/** Sends what the plan ascends, and gives the plan in units of the raw state. @throws StudioError 'bad-request' */
export async function sendControl(project: Project, host: HostClient, plan: ControlPlan): Promise<ControlInput> {
  const { name, unit, read } = ascendedBy(project, plan, host.loaded.stateSize)
  await host.setNetwork(name, read)
  const { alpha, updates, target, tolerance, maxEdit } = plan
  return { network: name, stepSize: alpha * unit, updates, target, tolerance, maxEdit }
}
