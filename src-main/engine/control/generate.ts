/** Responses by any method: what the terminal's generate, the chat and an evaluation all go through. */
import type { Message, Sampling } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { GenerateEvent } from '../../model-host/messages.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Project } from '../project/project.ts'
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
  const steps = new Map<number, number>() // value function -> c^2, the raw length of alpha = 1
  for (const { method } of tasks) {
    if (method.control === null || steps.has(method.control.valueFunction)) continue
    steps.set(method.control.valueFunction, await sendValueFunction(project, host, method.control.valueFunction))
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
        control: method.control && {
          network: method.control.valueFunction,
          stepSize: method.control.alpha * (steps.get(method.control.valueFunction) ?? 1),
          updates: method.control.updates
        }
      }))
    },
    { onEvent: options.onEvent, signal: options.signal }
  )
}

async function sendValueFunction(project: Project, host: HostClient, id: number): Promise<number> {
  const { inputDim, scale } = project.valueFunctions.detail(id)
  if (inputDim !== host.loaded.stateSize) {
    throw new StudioError('bad-request', `value function ${id} takes states of ${inputDim} numbers, this model's have ${host.loaded.stateSize}: it belongs to another model`)
  }
  await host.setNetwork(id, () => project.valueFunctions.network(id))
  return scale * scale
}
