/** The tokens of an answer of the chat on the landscape of the value function that steered it. */
import type { ChatTurn } from '../../contract/chat.ts'
import type { Landscape, LandscapePath, LandscapePlane } from '../../contract/landscape.ts'
import { StudioError } from '../../contract/errors.ts'
import type { Network } from '../../model-host/messages/train.ts'
import type { Project } from '../project/project.ts'
import { pathFrom } from '../value/ascent-path.ts'
import { planeOf, surfaceOf, type Pictured } from '../value/landscape.ts'
import type { AnswerReader } from './answer-reader.ts'
import type { ControlPlan } from './method.ts'
import { resolveMethod } from './methods.ts'
import { ascendedBy } from './send-control.ts'

export interface PlaceInChat {
  turn: number
  pane: number
  plane: LandscapePlane
}

/** The last one of each project: a walk over tokens needs it at every step. */
const lastShown = new WeakMap<Project, Pictured>()

/** @throws StudioError 'not-found', or 'bad-request' where no answer of the turn was steered by a value function */
export async function chatLandscape(project: Project, { turn, pane, plane }: PlaceInChat): Promise<Landscape> {
  return surfaceOf(project, pictured(project, steeringOf(project.turns.get(turn), pane).plan), plane)
}

/** @throws as `chatLandscape` and AnswerReader.states */
export async function chatAscent(project: Project, reader: AnswerReader, { turn, pane, plane, token }: PlaceInChat & { token: number }): Promise<LandscapePath> {
  const { plan, edits } = steeringOf(project.turns.get(turn), pane, token)
  const { states, size } = await reader.states(project, turn, pane)
  const tokens = states.length / size
  if (token >= tokens) throw new StudioError('bad-request', `the answer has ${tokens} tokens; there is no token ${token}`)
  const shown = pictured(project, plan)
  const { unit } = ascendedBy(project, plan, size)
  const { alpha, updates, target, tolerance, maxEdit } = plan
  const ascent = { stepSize: alpha * unit, updates: edits ? updates : 0, target, tolerance, maxEdit }
  return { tokens, ...(await pathFrom(states.subarray(token * size, (token + 1) * size), shown.network, await planeOf(project, shown, plane), ascent)) }
}

/** The pane's own plan, and whether it edited the token; of a pane without one another's, which edits nothing in it. */
function steeringOf({ panes }: ChatTurn, index: number, token = 0): { plan: ControlPlan; edits: boolean } {
  const pane = panes[index]
  if (pane === undefined) throw new StudioError('not-found', `the turn has no answer ${index + 1}`)
  const method = resolveMethod(pane.method)
  // a gate may have left the state as it is, and a search only reads V
  if (method.control !== null) return { plan: method.control, edits: method.search === null && (pane.steps[token]?.edit ?? null) !== null }
  const other = panes.map((one) => resolveMethod(one.method).control).find((plan) => plan !== null)
  if (other === undefined) throw new StudioError('bad-request', 'no answer of this turn was steered by a value function')
  return { plan: other, edits: false }
}

function pictured(project: Project, plan: ControlPlan): Pictured {
  const [first] = plan.terms
  const { collection: own, inputDim } = project.valueFunctions.detail(first?.valueFunction ?? 0)
  const collection = own ?? project.collections.list().findLast(({ id, states }) => states > 2 && project.collections.inputDim(id) === inputDim)?.id
  if (collection === undefined) throw new StudioError('bad-request', 'the value function is imported, and no collection of this project has states of its length')
  const { name, read } = ascendedBy(project, plan, inputDim)
  const last = lastShown.get(project)
  if (last?.name === name && last.collection === collection) return last
  const network: Network = read()
  const shown = { network, name, collection }
  lastShown.set(project, shown)
  return shown
}
