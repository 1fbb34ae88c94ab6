/** Responses by any method: what the terminal's generate, the chat and an evaluation all go through. */
import type { Message, Sampling } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { ControlInput, GenerateEvent } from '../../model-host/messages.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Project } from '../project/project.ts'
import { weightedSum } from '../value/weighted-sum.ts'
import type { ControlPlan } from './method.ts'
import type { ResolvedMethod } from './methods.ts'

export interface GenerationTask {
  key: number
  method: ResolvedMethod
  messages: Message[]
  seed: number
}

export interface GenerationOptions {
  maxTokens: number
  parallel: number
  sampling: Sampling
  tokens: boolean
  deterministic: boolean
  signal?: AbortSignal
  onEvent: (event: GenerateEvent) => void
}

/** Resolves when all are finished or skipped. @returns tokens and wall seconds of the whole call */
export async function generate(project: Project, host: HostClient, tasks: GenerationTask[], options: GenerationOptions): Promise<{ tokens: number; seconds: number }> {
  const controls = new Map<ControlPlan, ControlInput>()
  for (const { method } of tasks) {
    if (method.control === null || controls.has(method.control)) continue
    controls.set(method.control, await sendControl(project, host, method.control))
  }
  return host.request(
    'generate',
    {
      parallel: options.parallel,
      states: false,
      tokens: options.tokens,
      deterministic: options.deterministic,
      requests: tasks.map(({ key, method, messages, seed }) => ({
        key,
        seed,
        prompt: { messages: method.messages(messages) },
        sampling: options.sampling,
        maxTokens: options.maxTokens,
        control: method.control && (controls.get(method.control) ?? null)
      }))
    },
    { onEvent: options.onEvent, signal: options.signal }
  )
}

/** Sends the plan's value functions, as their weighted sum, and gives the plan in units of the raw state. */
async function sendControl(project: Project, host: HostClient, plan: ControlPlan): Promise<ControlInput> {
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
