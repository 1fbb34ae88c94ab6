/**
 * Which tokens V makes likelier: the last states are moved along the mean gradient of V, and their logits before and
 * after are compared. The states are those after the final norm, so of a plain output head W the change is W Delta h;
 * reading both logits from the model is right for heads with a bias or a soft cap, too, and has the model's own rounding.
 */
import type { MovedToken, PromotedTokens } from '../../contract/learned.ts'
import { StudioError } from '../../contract/errors.ts'
import type { LikelihoodEvent, LikelihoodRequest } from '../../model-host/messages/likelihood.ts'
import type { MeanGradient, Network } from '../../model-host/messages/train.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Models } from '../models/models.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'
import { ownResponses } from './own-responses.ts'
import { refuseDamaged, whole } from './trajectories.ts'

/** |Delta h| as a share of the mean |h|: what a strong edit of the chat comes to */
const move = 0.1
/** states whose gradients are averaged, about */
const mostGradients = 4000
const responsesRead = 8
const tokensOfEach = 16
const tokensShown = 20

/**
 * @param progress is told responses
 * @throws StudioError what `ownResponses` does, 'not-usable' where V has no gradient or the model cannot read the responses, 'no-model', 'project-damaged' or 'cancelled'
 */
export async function promotedTokens(project: Project, models: Models, id: number, progress: (done: number, total: number) => void, signal: AbortSignal): Promise<PromotedTokens> {
  const { responses, unseen } = ownResponses(project, id)
  const known = unseen.size > 0
  const own = known ? responses.filter(({ response }) => unseen.has(response)) : responses
  const network = project.valueFunctions.network(id)
  const sampled = spread(own, Math.ceil((own.length * mostGradients) / own.reduce((sum, { states }) => sum + states, 0)))
  await refuseDamaged(project, sampled, network.inputDim, signal)
  const mean = await models.withoutModel((host) => host.request('gradient.mean', { network, states: sampled.map((one) => whole(project, one)) }, { signal }))
  const length = Math.hypot(...mean.gradient)
  if (length === 0) throw new StudioError('not-usable', `value function ${id} has no gradient at any of these states, so no edit changes anything`)
  const read = spread(own, responsesRead)
  const { changes, states, kl, texts } = await models.withHost(project, async (host) => {
    if (host.loaded.stateSize !== network.inputDim) throw new StudioError('bad-request', `value function ${id} takes states of ${network.inputDim} numbers, this model's have ${host.loaded.stateSize}: it belongs to another model`)
    const direction = await sendDirection(host, id, mean, length)
    const moved = await readMoved(project, host, read, direction, move * mean.stateLength, (done) => progress(done, read.length), signal)
    const shown = extremes(moved.changes.sum)
    const texts = await host.request('token.texts', { tokens: Int32Array.from(shown) }, { signal })
    return { ...moved, texts: new Map(shown.map((token, i) => [token, texts[i] ?? ''])) }
  }, signal)
  const tokenOf = (token: number): MovedToken => {
    const change = (changes.sum[token] as number) / states
    const variance = states > 1 ? ((changes.squares[token] as number) - states * change * change) / (states - 1) : 0
    return { token, text: texts.get(token) ?? '', change, spread: Math.sqrt(Math.max(0, variance)) }
  }
  const ordered = extremes(changes.sum)
  const half = ordered.length / 2
  return {
    valueFunction: id,
    unseen: known,
    gradientStates: sampled.reduce((sum, one) => sum + one.states, 0),
    common: Math.min(1, length / mean.gradientLength),
    move,
    gain: move * mean.stateLength * length,
    states, kl,
    vocabulary: changes.sum.length,
    promoted: ordered.slice(0, half).map(tokenOf),
    suppressed: ordered.slice(half).toReversed().map(tokenOf)
  }
}

/** At most so many, evenly over the list. */
function spread<T>(list: T[], most: number): T[] {
  const taken = Math.min(list.length, most)
  return Array.from({ length: taken }, (_, i) => list[Math.floor((i * list.length) / taken)] as T)
}

/** V(h) = g . h / |g|: one update of step s moves every state by s along the mean gradient. */
async function sendDirection(host: HostClient, id: number, { gradient }: MeanGradient, length: number): Promise<string> {
  const name = `mean gradient of ${id}`
  const network: Network = { inputDim: gradient.length, layers: [{ weight: Float32Array.from(gradient, (g) => g / length), bias: Float32Array.of(0) }] }
  await host.request('network.set', { name, network }) // anew each time: the unseen responses may be others by now
  return name
}

interface Moved {
  changes: NonNullable<LikelihoodEvent['changes']>
  states: number
  /** mean over the states */
  kl: number
}

async function readMoved(project: Project, host: HostClient, responses: LabelledStates[], network: string, stepSize: number, progress: (done: number) => void, signal: AbortSignal): Promise<Moved> {
  let moved: Moved | null = null
  let [done, reason] = [0, '']
  const control = { network, stepSize, updates: 1, target: null, tolerance: 0, maxEdit: null }
  const requests = responses.map(({ response, example }, key): LikelihoodRequest => {
    const prompt = { messages: project.examples.get(example).messages }
    return { key, prompt, response: project.responses.spelled(response).tokens.slice(0, tokensOfEach), own: { prompt, control }, changes: true }
  })
  await host.request('likelihood', { requests }, {
    signal,
    onEvent: (event) => {
      if (event.kind === 'progress') return
      if (event.kind === 'skipped') reason = event.reason
      else if (event.changes !== null) moved = joined(moved, event, event.changes)
      progress(++done)
    }
  })
  if (moved === null) throw new StudioError('not-usable', `the project's model cannot read these responses: ${reason}`)
  return moved
}

function joined(before: Moved | null, { tokens, divergence }: LikelihoodEvent, { sum, squares }: Moved['changes']): Moved {
  const own = divergence?.reduce((total, one) => total + one, 0) ?? 0
  if (before === null) return { changes: { sum, squares }, states: tokens.length, kl: own / tokens.length }
  const states = before.states + tokens.length
  return {
    changes: { sum: before.changes.sum.map((one, v) => one + (sum[v] as number)), squares: before.changes.squares.map((one, v) => one + (squares[v] as number)) },
    states,
    kl: (before.kl * before.states + own) / states
  }
}

/** The tokens with the largest and the smallest sums, from the largest to the smallest; as many of each. */
function extremes(sum: Float64Array): number[] {
  const order = Array.from(sum.keys()).sort((a, b) => (sum[b] as number) - (sum[a] as number) || a - b)
  const shown = Math.min(tokensShown, Math.floor(order.length / 2))
  return [...order.slice(0, shown), ...order.slice(order.length - shown)]
}
