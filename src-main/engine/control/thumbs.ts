/** The answers of the chat that got a thumb, as a data set: what was liked is chosen, what was not is rejected. */
import type { ChatPane, ChatTurn } from '../../contract/chat.ts'
import type { Dataset, Message } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import { textOfTurns, userTurn } from '../data/messages.ts'
import { splitOf } from '../data/split.ts'
import type { NewExample } from '../project/datasets.ts'
import type { Project } from '../project/project.ts'
import type { Exchange } from '../project/turns.ts'
import { historyOf } from './history.ts'

const examplesPerTransaction = 500
/** as an import splits unless it is told otherwise */
const usualSplit = { heldOut: 0.2, seed: 0 }

/** A new data set each time: collections may have been made of the earlier ones. @throws StudioError 'bad-request' where no answer has a thumb */
export function datasetOfThumbs(project: Project): Dataset {
  if (project.turns.rated() === 0) throw new StudioError('bad-request', 'no answer of the chat has a thumb yet')
  const dataset = project.datasets.create(`Chat feedback ${new Date().toISOString().slice(0, 16).replace('T', ' ')}`, 'chat', 'unpaired')
  let line = 0
  let examples: NewExample[] = []
  const keep = (): void => {
    project.datasets.add(dataset, examples, [])
    examples = []
  }
  for (const turn of project.turns.ratedTurns()) {
    const earlier = turn.parent === null ? [] : project.turns.exchanges(turn.parent)
    for (const answers of answersOf(turn, earlier)) examples.push(exampleOf(turn, earlier[0]?.prompt ?? turn.prompt, answers, ++line))
    if (examples.length >= examplesPerTransaction) keep()
  }
  keep()
  return project.datasets.get(dataset)
}

interface Answers {
  /** what both were answers to */
  messages: Message[]
  chosen: ChatPane | null
  rejected: ChatPane | null
}

/**
 * A pair for each answer that was liked and one that was not; those that are over stand alone. Panes that had answered
 * earlier turns differently were asked different things, so that their answers are no pair.
 */
function answersOf({ prompt, panes }: ChatTurn, earlier: Exchange[]): Answers[] {
  const byHistory = new Map<string, { messages: Message[]; liked: ChatPane[]; disliked: ChatPane[] }>()
  for (const [i, pane] of panes.entries()) {
    if (pane.rating !== 1 && pane.rating !== -1) continue
    const messages = [...historyOf(earlier, i), ...userTurn(prompt)]
    const key = JSON.stringify(messages)
    const asked = byHistory.get(key) ?? { messages, liked: [], disliked: [] }
    byHistory.set(key, asked)
    if (pane.rating === 1) asked.liked.push(pane)
    else asked.disliked.push(pane)
  }
  return [...byHistory.values()].flatMap(({ messages, liked, disliked }) =>
    Array.from({ length: Math.max(liked.length, disliked.length) }, (_, i) => ({ messages, chosen: liked[i] ?? null, rejected: disliked[i] ?? null }))
  )
}

/** @param beginning the conversation's first prompt: what goes on from it stays in its split */
function exampleOf({ turn, seed }: ChatTurn, beginning: string, { messages, chosen, rejected }: Answers, line: number): NewExample {
  return {
    line, messages,
    prompt: textOfTurns(messages),
    split: splitOf({}, beginning, usualSplit),
    chosen: chosen?.text ?? null,
    rejected: rejected?.text ?? null,
    columns: { turn, seed, ...(chosen && { chosenBy: chosen.method.name }), ...(rejected && { rejectedBy: rejected.method.name }) }
  }
}
