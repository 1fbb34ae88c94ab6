/**
 * What a value function says of the states that it was trained on and of those that it was not: how its values spread,
 * where they are extreme, and whether they go with anything plainer than the reward.
 */
import { resolve } from 'node:path'
import type { RankCorrelation, ValueContext, ValueReading, ValueStates } from '../../contract/learned.ts'
import { bootstrapMean } from '../evaluate/bootstrap.ts'
import { partialCorrelation, rankIntervals, spearman, type RankInterval } from '../evaluate/rank-correlation.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'
import { contextKinds, ExtremeContexts, type FoundContext } from './extreme-contexts.ts'
import { eachValue } from './read-states.ts'
import { ownResponses } from './own-responses.ts'
import { ValueHistogram } from './value-histogram.ts'

const contextsKept = 8
const binsShown = 40

/** What is kept of an unseen response once its values were seen. */
interface UnseenResponse {
  example: number
  meanValue: number
  reward: number
  length: number
  /** Spearman's rho of V with the token's number */
  position: number | null
}

/**
 * @param progress is told states
 * @throws StudioError 'not-found', 'bad-request' for one without a collection or rewards, 'project-damaged' or 'cancelled'
 */
export async function readValues(project: Project, models: Models, id: number, progress: (done: number, total: number) => void, signal: AbortSignal): Promise<ValueReading> {
  const { rewardMean, rewardScale } = project.valueFunctions.detail(id)
  const { responses, unseen } = ownResponses(project, id)
  const network = project.valueFunctions.network(id)
  const total = responses.reduce((sum, { states }) => sum + states, 0)
  return models.withoutModel(async (host) => {
    const sides = { training: new Side(), unseen: new Side() }
    const contexts = new ExtremeContexts(contextsKept)
    const kept: UnseenResponse[] = []
    let notFinite = 0
    await eachValue(project, host, network, responses, (response, all) => {
      const values = all.filter(Number.isFinite)
      notFinite += all.length - values.length
      const isUnseen = unseen.has(response.response)
      if (values.length > 0) (isUnseen ? sides.unseen : sides.training).add(values)
      if (!isUnseen || values.length < all.length) return
      contexts.add(response, values)
      kept.push(summaryOf(response, values))
    }, (done) => progress(done, total), signal)
    const [training, unseenSide] = [sides.training, sides.unseen]
    const correlations = await correlationsOf(kept, signal)
    return {
      valueFunction: id,
      rewardMean, rewardScale, notFinite,
      training: training.states,
      unseen: unseenSide.states,
      histogram: ValueHistogram.together([training.histogram, unseenSide.histogram], binsShown).map(({ from, to, counts: [own = 0, other = 0] }) => ({ from, to, training: own, unseen: other })),
      contexts: await worded(project, host, contexts, signal),
      correlations,
      remarks: remarksOf(correlations, unseenSide.states, notFinite)
    }
  })
}

/** Values of some responses, one after another. */
class Side {
  readonly histogram = new ValueHistogram()
  #responses = 0
  #states = 0
  #mean = 0
  /** of the squared differences from the mean, after Welford */
  #squares = 0
  #min = Infinity
  #max = -Infinity

  add(values: Float32Array): void {
    this.#responses++
    for (const value of values) {
      this.histogram.add(value)
      this.#states++
      const difference = value - this.#mean
      this.#mean += difference / this.#states
      this.#squares += difference * (value - this.#mean)
      this.#min = Math.min(this.#min, value)
      this.#max = Math.max(this.#max, value)
    }
  }

  get states(): ValueStates {
    const some = this.#states > 0
    return {
      responses: this.#responses,
      states: this.#states,
      mean: some ? this.#mean : null,
      sd: this.#states > 1 ? Math.sqrt(this.#squares / (this.#states - 1)) : null,
      min: some ? this.#min : null,
      max: some ? this.#max : null
    }
  }
}

function summaryOf({ example, reward, states }: LabelledStates, values: Float32Array): UnseenResponse {
  const list = Array.from(values)
  return { example, reward, length: states, meanValue: list.reduce((sum, v) => sum + v, 0) / states, position: spearman(list, list.map((_, t) => t)) }
}

async function correlationsOf(unseen: UnseenResponse[], signal: AbortSignal): Promise<ValueReading['correlations']> {
  const byPrompt = [...Map.groupBy(unseen.keys(), (i) => (unseen[i] as UnseenResponse).example).values()]
  const columns = [unseen.map(({ meanValue }) => meanValue), unseen.map(({ reward }) => reward), unseen.map(({ length }) => length)]
  const intervals = await rankIntervals(columns, byPrompt, {
    reward: (rho) => rho(0, 1),
    length: (rho) => rho(0, 2),
    rewardAndLength: (rho) => rho(1, 2),
    rewardGivenLength: (rho) => partialCorrelation(rho(0, 1), rho(0, 2), rho(1, 2))
  }, signal)
  const withPosition = unseen.filter(({ position }) => position !== null)
  const perPrompt = [...Map.groupBy(withPosition, ({ example }) => example).values()].map((own) => own.reduce((sum, { position }) => sum + (position ?? 0), 0) / own.length)
  const { mean: rho, low, high } = bootstrapMean(perPrompt)
  const of = (interval: RankInterval): RankCorrelation => ({ ...interval, responses: unseen.length })
  return {
    reward: of(intervals.reward),
    length: of(intervals.length),
    rewardAndLength: of(intervals.rewardAndLength),
    rewardGivenLength: of(intervals.rewardGivenLength),
    position: { rho, low, high, responses: withPosition.length }
  }
}

function remarksOf({ reward, length }: ValueReading['correlations'], unseen: ValueStates, notFinite: number): string[] {
  const remarks: string[] = []
  if (unseen.responses === 0) remarks.push('No unseen responses are known for this value function, so neither contexts nor correlations are shown: those of its training responses would only show what it was fitted to.')
  if (reward.rho !== null && length.rho !== null && Math.abs(length.rho) > Math.abs(reward.rho)) {
    remarks.push(`On unseen responses V goes with their length (Spearman ${length.rho.toFixed(2)}) more than with their reward (${reward.rho.toFixed(2)}): it may have learned little but length.`)
  }
  if (reward.low !== null && reward.high !== null && reward.low <= 0 && reward.high >= 0) remarks.push('The interval of V with the reward of unseen responses contains 0: nothing here shows that V tells good responses from bad ones.')
  if (notFinite > 0) remarks.push(`V is no finite number at ${notFinite} states; they are left out.`)
  return remarks
}

/** With the texts of their tokens; without a model file, without. */
async function worded(project: Project, host: HostClient, contexts: ExtremeContexts, signal: AbortSignal): Promise<ValueReading['contexts']> {
  const { modelFile } = project
  const found = contextKinds.flatMap((kind) => contexts.found(kind))
  const tokens = found.map(({ of, from, values }) => project.responses.spelled(of.response).tokens.slice(from, from + values.length))
  const texts = modelFile === null || found.length === 0 ? [] : await host.request('pieces', { file: resolve(modelFile), responses: tokens }, { signal })
  const shown = new Map(found.map((one, i) => [one, contextOf(project, one, texts[i] ?? [])]))
  const listOf = (kind: (typeof contextKinds)[number]): ValueContext[] => contexts.found(kind).map((one) => shown.get(one) as ValueContext)
  return { highest: listOf('highest'), lowest: listOf('lowest'), rises: listOf('rises'), falls: listOf('falls') }
}

function contextOf(project: Project, { of, from, values, marked, value, change }: FoundContext, texts: string[]): ValueContext {
  return {
    response: of.response,
    prompt: project.responses.spelled(of.response).prompt,
    reward: of.reward,
    length: of.states,
    from, marked, value, change,
    tokens: values.map((v, i) => ({ text: texts[i] ?? '', value: v }))
  }
}
