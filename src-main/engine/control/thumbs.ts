/** The answers of the chat that got a thumb, as a data set: what was liked is chosen, what was not is rejected. */
import type { ChatPane, ChatTurn, Dataset } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import { userTurn } from '../data/messages.ts'
import { splitOf } from '../data/split.ts'
import type { NewExample } from '../project/datasets.ts'
import type { Project } from '../project/project.ts'

const examplesPerTransaction = 500
/** as an import splits unless it is told otherwise */
const usualSplit = { heldOut: 0.2, seed: 0 }

/** A new data set each time: collections may have been made of the earlier ones. @throws StudioError 'bad-request' where no answer has a thumb */
export function datasetOfThumbs(project: Project): Dataset {
  if (project.chats.rated() === 0) throw new StudioError('bad-request', 'no answer of the chat has a thumb yet')
  const dataset = project.datasets.create(`Chat feedback ${new Date().toISOString().slice(0, 16).replace('T', ' ')}`, 'chat', 'unpaired')
  let line = 0
  let examples: NewExample[] = []
  const keep = (): void => {
    project.datasets.add(dataset, examples, [])
    examples = []
  }
  for (const turn of project.chats.ratedTurns()) {
    for (const answers of answersOf(turn)) examples.push(exampleOf(turn, answers, ++line))
    if (examples.length >= examplesPerTransaction) keep()
  }
  keep()
  return project.datasets.get(dataset)
}

interface Answers {
  chosen: ChatPane | null
  rejected: ChatPane | null
}

/** A pair for each answer that was liked and one that was not; those that are over stand alone. */
function answersOf({ panes }: ChatTurn): Answers[] {
  const liked = panes.filter(({ rating }) => rating === 1)
  const disliked = panes.filter(({ rating }) => rating === -1)
  return Array.from({ length: Math.max(liked.length, disliked.length) }, (_, i) => ({ chosen: liked[i] ?? null, rejected: disliked[i] ?? null }))
}

function exampleOf({ turn, prompt, seed }: ChatTurn, { chosen, rejected }: Answers, line: number): NewExample {
  return {
    line, prompt,
    split: splitOf({}, prompt, usualSplit),
    messages: userTurn(prompt),
    chosen: chosen?.text ?? null,
    rejected: rejected?.text ?? null,
    columns: { turn, seed, ...(chosen && { chosenBy: chosen.method.name }), ...(rejected && { rejectedBy: rejected.method.name }) }
  }
}
