/**
 * Pairs of answers to the same prompt, one that people prefer and one that they do not, for Pref-CTRL (Ashrafi, Jauregi
 * Unanue and Piccardi, ACL 2026, arXiv:2604.23543). The loss of a batch of B responses h_1 .. h_T with rewards r is
 *
 *   1/B sum over the responses of
 *       sum over t < T of (V(h_t) - stopgrad V(h_t+1))^2 + (V(h_T) - r)^2     the paper of RE-Control's
 *     + marginWeight (-log sigmoid(V+ - V-))                                  the preferred answer has the higher value
 *     + regulariserWeight (V_gen - V+)^2                                      and is where the response's value is drawn to
 *
 * with V+ and V- the values at the last tokens of the data set's chosen and rejected answer to the response's prompt, and
 * V_gen = V(h_T). V and r are in standardised rewards, and so is the margin V+ - V-. All of V+, V- and V_gen are
 * differentiated. Every sample of a prompt brings the prompt's pair with it; responses without a pair are left out.
 *
 * The paper's code adds the parts with weights of 1, as is the default here. It also takes the mean of the squared
 * differences over a batch's tokens where this takes a response's sum, so that its pairs weigh more against the Bellman
 * equation: by about a response's length. Its settings: learning rate 1e-5, 64 responses a batch, 50 epochs.
 */
import type { Collection } from '../../contract/collect.ts'
import type { TrainSettings, ValueFunction } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import { hits, shareOf } from '../preference/accuracy.ts'
import type { Project } from '../project/project.ts'
import type { ResponseStates } from '../project/responses.ts'

export interface AnswerPair {
  preferred: ResponseStates
  dispreferred: ResponseStates
}

/** By example. @throws StudioError 'bad-request' when the collections are none of chosen and of rejected answers to the same prompts */
export function answerPairs(project: Project, settings: TrainSettings): Map<number, AnswerPair> {
  const { collection, preferred, dispreferred, objective } = settings
  if (preferred === null || dispreferred === null) {
    if (objective === 'pref-ctrl' || preferred !== dispreferred) {
      throw new StudioError('bad-request', `${objective === 'pref-ctrl' ? 'pref-ctrl' : 'a pair'} needs two collections: one of the data set's chosen answers (preferred) and one of its rejected ones (dispreferred)`)
    }
    return new Map()
  }
  const [own, chosen, refused] = [collection, preferred, dispreferred].map((id) => project.collections.get(id)) as [Collection, Collection, Collection]
  for (const [answers, origin] of [[chosen, 'chosen'], [refused, 'rejected']] as const) {
    const { id } = answers
    if (answers.settings.responses !== origin) throw new StudioError('bad-request', `collection ${id} has ${answers.settings.responses} responses, not the data set's ${origin} answers`)
    if (answers.dataset !== own.dataset) throw new StudioError('bad-request', `collection ${id} is of ${answers.datasetName}, collection ${collection} of ${own.datasetName}: a pair is of one prompt`)
    if (project.collections.inputDim(id) !== project.collections.inputDim(collection)) throw new StudioError('bad-request', `collection ${id} has states of another model than collection ${collection}`)
  }
  if (objective === 'pref-ctrl' && own.settings.responses !== 'generated') throw new StudioError('bad-request', `pref-ctrl trains on generated responses; collection ${collection} has ${own.settings.responses} ones`)
  const rejected = new Map(project.responses.states(dispreferred).map((one) => [one.example, one]))
  const pairs = new Map<number, AnswerPair>()
  for (const one of project.responses.states(preferred)) {
    const other = rejected.get(one.example)
    if (other !== undefined) pairs.set(one.example, { preferred: one, dispreferred: other })
  }
  return pairs
}

/** @param values V+ and V- of each pair, whose prompts differ. null without pairs */
export function pairAccuracy(values: { preferred: number; dispreferred: number }[]): ValueFunction['pairs'] {
  const share = shareOf(hits(values.map((v) => v.preferred), values.map((v) => v.dispreferred)), values.map((_, i) => String(i)))
  return share && { ...share, pairs: values.length }
}
