/** Responses by any method: what the terminal's generate, the chat and an evaluation all go through. */
import { sampling, type Message, type Sampling } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import type { ControlInput, GenerateEvent } from '../../model-host/messages.ts'
import { responseSeed } from '../collect/seed.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Project } from '../project/project.ts'
import type { Scorer, Surroundings } from '../reward/source.ts'
import { rewardNamed, sourceNamed } from '../reward/sources.ts'
import { weightedSum } from '../value/weighted-sum.ts'
import { Candidates } from './candidates.ts'
import type { ControlPlan } from './method.ts'
import type { ResolvedMethod } from './methods.ts'

export interface GenerationTask {
  key: number
  method: ResolvedMethod
  messages: Message[]
  seed: number
}

/** What a method may ask: value functions, and rewards to choose by. */
type Around = Pick<Surroundings, 'project' | 'models' | 'secrets'>

export interface GenerationOptions {
  maxTokens: number
  parallel: number
  sampling: Sampling
  tokens: boolean
  deterministic: boolean
  signal?: AbortSignal
  onEvent: (event: GenerateEvent) => void
}

/**
 * Resolves when all are finished or skipped. @returns tokens of the responses that were handed on, and wall seconds of
 * the whole call @throws also what the reward that chooses among candidates throws
 */
export async function generate({ project, models, secrets }: Around, host: HostClient, tasks: GenerationTask[], options: GenerationOptions): Promise<{ tokens: number; seconds: number }> {
  const controls = new Map<ControlPlan, ControlInput>()
  for (const { method } of tasks) {
    if (method.control === null || controls.has(method.control)) continue
    controls.set(method.control, await sendControl(project, host, method.control))
  }
  const failed = new AbortController()
  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal])
  const scorers = new Map<string, Scorer>()
  const choosing: Promise<void>[] = []
  let tokens = 0
  const hand = (event: GenerateEvent): void => {
    if (event.kind === 'finished') tokens += event.tokens.length
    options.onEvent(event)
  }
  try {
    for (const { method } of tasks) {
      const { reward = null } = method.candidates ?? {}
      if (reward === null || scorers.has(reward)) continue
      const { source, settings } = rewardNamed(reward, null, project)
      scorers.set(reward, await source.open(settings, { project, models, secrets, sourceNamed, signal }))
    }
    const places = tasks.flatMap(({ key, method, messages }) => {
      const { count = 1, reward } = method.candidates ?? {}
      const candidates = reward === undefined ? null : new Candidates(count, scorers.get(reward) as Scorer, messages)
      return Array.from({ length: count }, (_, candidate) => ({ key, candidate, candidates }))
    })
    const onEvent = (event: GenerateEvent): void => {
      if (event.kind === 'progress') return options.onEvent(event)
      const { key, candidate, candidates } = places[event.key] as (typeof places)[number]
      if (candidates === null) return hand({ ...event, key })
      if (!candidates.take(candidate, event)) return
      choosing.push(candidates.best(key).then((events) => events.forEach(hand)).catch((error: unknown) => failed.abort(error)))
    }
    const start = performance.now()
    let place = 0
    await host.request(
      'generate',
      {
        parallel: options.parallel,
        states: false,
        tokens: options.tokens,
        deterministic: options.deterministic,
        requests: tasks.flatMap(({ method, messages, seed }) =>
          Array.from({ length: method.candidates?.count ?? 1 }, (_, candidate) => ({
            key: place++,
            seed: candidate === 0 ? seed : responseSeed(seed, 0, candidate),
            prompt: { messages: method.messages(messages) },
            sampling: method.candidates === null || options.sampling.temperature > 0 ? options.sampling : candidateSampling,
            maxTokens: options.maxTokens,
            control: method.control && (controls.get(method.control) ?? null)
          }))
        )
      },
      { onEvent, signal }
    )
    await Promise.all(choosing)
    failed.signal.throwIfAborted()
    return { tokens, seconds: (performance.now() - start) / 1000 }
  } catch (error) {
    throw failed.signal.aborted ? failed.signal.reason : error
  } finally {
    await Promise.all(choosing)
    for (const scorer of scorers.values()) scorer.close()
  }
}

/** Greedy candidates would all be the same. The paper's sampling where it draws several. */
const candidateSampling = sampling.parse({ temperature: 0.7, topK: 50, topP: 0.95 })

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
