/** Responses by any method: what the terminal's generate, the chat and an evaluation all go through. */
import type { Message } from '../../contract/data.ts'
import { sampling, type Sampling } from '../../contract/shared.ts'
import type { BranchesEvent, ControlInput, GenerateEvent, GenerationRequest } from '../../model-host/messages/generate.ts'
import type { Prompt } from '../../model-host/messages/model.ts'
import { responseSeed } from '../collect/seed.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Scorer, Surroundings } from '../reward/source.ts'
import { rewardNamed, sourceNamed } from '../reward/sources.ts'
import { sendAdapter } from './adapters.ts'
import { Candidates } from './candidates.ts'
import { Decisions } from './decisions.ts'
import { openGates, reading, type Gated } from './gate.ts'
import type { AdapterPlan, ControlPlan, GatePlan } from './method.ts'
import type { ResolvedMethod } from './methods.ts'
import { generateBySecond, type Run } from './second-model.ts'
import { sendControl } from './send-control.ts'

export interface GenerationTask {
  key: number
  method: ResolvedMethod
  messages: Message[]
  /** the prompt as it stands, without a chat template, for a method that changes no messages */
  text?: string
  seed: number
}

/** What a method may ask: value functions, and rewards to choose by. */
type Around = Pick<Surroundings, 'project' | 'models' | 'secrets' | 'asked'>

export interface GenerationOptions {
  maxTokens: number
  parallel: number
  sampling: Sampling
  tokens: boolean
  deterministic: boolean
  /** for a client of the local server */
  served?: boolean
  signal?: AbortSignal
  onEvent: (event: GenerateEvent) => void
}

/**
 * Resolves when all are finished or skipped. @returns tokens of the responses that were handed on, and wall seconds of
 * the whole call but for the loading of models @throws also what the reward that chooses among candidates throws, and
 * StudioError 'not-usable' for a file of an adapter or a model that is none
 */
export async function generate({ project, models, secrets, asked }: Around, given: HostClient, tasks: GenerationTask[], options: GenerationOptions): Promise<{ tokens: number; seconds: number }> {
  // another model may have needed the room that the project's had
  const host = given.alive || tasks.every(({ method }) => method.model !== null) ? given : await models.use(project)
  const controls = new Map<ControlPlan, ControlInput>()
  const adapters = new Map<AdapterPlan, string>()
  for (const { method: { control, adapter } } of tasks) {
    if (control !== null && !controls.has(control)) controls.set(control, await sendControl(project, host, control))
    if (adapter !== null && !adapters.has(adapter)) adapters.set(adapter, await sendAdapter(host, adapter))
  }
  const probes = new Map<GatePlan, ControlInput>()
  const gated: Gated[] = []
  for (const [key, task] of tasks.entries()) {
    const { gate } = task.method
    if (gate === null) continue
    const control = probes.get(gate) ?? (await sendControl(project, host, reading(gate.valueFunction)))
    probes.set(gate, control)
    gated.push({ key, gate, control, prompt: promptOf(task) })
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
    for (const reward of new Set(tasks.flatMap(({ method }) => rewardsOf(method)))) {
      const { source, settings } = rewardNamed(reward, null, project)
      scorers.set(reward, await source.open(settings, { project, models, secrets, asked, sourceNamed, signal }))
    }
    const places = tasks.flatMap(({ key, method, messages }) => {
      const { count = 1, reward } = method.candidates ?? {}
      const candidates = reward === undefined ? null : new Candidates(count, scorers.get(reward) as Scorer, messages)
      const { search } = method
      return Array.from({ length: count }, (_, candidate) => ({ key, candidate, candidates, decisions: search?.by === 'reward' ? new Decisions(scorers.get(search.reward) as Scorer, messages) : null }))
    })
    const choose = async (decisions: Decisions, { decision, texts }: BranchesEvent): Promise<void> => {
      await host.request('choose', { decision, rewards: await decisions.rewards(texts) })
    }
    const onEvent = (told: GenerateEvent | BranchesEvent): void => {
      if (told.kind === 'progress') return options.onEvent(told)
      const { key, candidate, candidates, decisions } = places[told.key] as (typeof places)[number]
      if (told.kind === 'branches') {
        choosing.push(choose(decisions as Decisions, told).catch((error: unknown) => failed.abort(error)))
        return
      }
      const reason = told.kind === 'finished' ? (decisions?.failure ?? null) : null
      const event = reason === null ? told : { kind: 'skipped' as const, key: told.key, reason }
      if (candidates === null) return hand({ ...event, key })
      if (!candidates.take(candidate, event)) return
      choosing.push(candidates.best(key).then((events) => events.forEach(hand)).catch((error: unknown) => failed.abort(error)))
    }
    const start = performance.now()
    const { parallel, deterministic } = options
    const open = await openGates(host, gated, { parallel, deterministic, signal })
    let place = 0
    // the project's model goes first: another one may need its room
    const byModel = new Map<string | null, GenerationRequest[]>([[null, []]])
    for (const [i, task] of tasks.entries()) {
      const { method, seed } = task
      const edits = method.gate === null || open.has(i)
      const requests = Array.from({ length: method.candidates?.count ?? 1 }, (_, candidate): GenerationRequest => ({
        key: place++,
        seed: candidate === 0 ? seed : responseSeed(seed, 0, candidate),
        prompt: promptOf(task),
        sampling: method.candidates === null || options.sampling.temperature > 0 ? options.sampling : candidateSampling,
        maxTokens: options.maxTokens,
        control: method.control && edits ? (controls.get(method.control) ?? null) : null,
        adapter: method.adapter && edits ? (adapters.get(method.adapter) ?? null) : null,
        search: method.search
      }))
      const theirs = byModel.get(method.model)
      if (theirs === undefined) byModel.set(method.model, requests)
      else theirs.push(...requests)
    }
    const run: Run = async (on, some, onEvent) => {
      await on.request('generate', { parallel, states: false, tokens: options.tokens, deterministic, served: options.served, requests: some }, { onEvent, signal })
    }
    let loading = 0
    for (const [file, some] of byModel) {
      if (file !== null) loading += await generateBySecond(models, file, some, run, onEvent, { tokens: options.tokens, signal })
      else if (some.length > 0) await run(host, some, onEvent)
    }
    await Promise.all(choosing)
    failed.signal.throwIfAborted()
    return { tokens, seconds: (performance.now() - start) / 1000 - loading }
  } catch (error) {
    throw failed.signal.aborted ? failed.signal.reason : error
  } finally {
    await Promise.all(choosing)
    for (const scorer of scorers.values()) scorer.close()
  }
}

function promptOf({ method, messages, text }: GenerationTask): Prompt {
  return text === undefined ? { messages: method.messages(messages) } : { text }
}

/** Names of the rewards that a method chooses by. */
export function rewardsOf({ candidates, search }: ResolvedMethod): string[] {
  return [...(candidates === null ? [] : [candidates.reward]), ...(search?.by === 'reward' ? [search.reward] : [])]
}

/** Greedy candidates would all be the same. The paper's sampling where it draws several. */
const candidateSampling = sampling.parse({ temperature: 0.7, topK: 50, topP: 0.95 })
