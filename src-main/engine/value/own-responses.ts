/** The labelled responses of the collection that a value function was trained on, and which of them it has not seen. */
import { StudioError } from '../../contract/errors.ts'
import type { Project } from '../project/project.ts'
import type { LabelledStates } from '../project/responses.ts'

/** @throws StudioError 'not-found', or 'bad-request' where the responses are not here or have no rewards any more */
export function ownResponses(project: Project, id: number): { responses: LabelledStates[]; unseen: Set<number> } {
  const { collection, source } = project.valueFunctions.detail(id)
  if (collection === null) throw new StudioError('bad-request', `value function ${id} was imported: the states that it was trained on are not in this project`)
  const responses = project.responses.labelledStates(collection, source)
  if (responses.length === 0) throw new StudioError('bad-request', `collection ${collection} has no responses with a reward by ${source} any more`)
  const unseen = new Set(project.valueFunctions.figures(id)?.heldOut.map(({ response }) => response))
  return { responses, unseen }
}
