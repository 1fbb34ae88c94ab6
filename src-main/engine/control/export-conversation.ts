/** A conversation as a file: to read, with everything that is known of it, or as the messages that other tools train on. */
import type { ChatTurn } from '../../contract/chat.ts'
import type { Message } from '../../contract/data.ts'
import type { Parsed } from '../../contract/methods.ts'
import { checkTarget, writeWhole } from '../data/whole-file.ts'
import type { Project } from '../project/project.ts'
import { historyOf } from './history.ts'
import { methodNamed } from './methods.ts'

/** More turns than a conversation on one way can have in any model's context. */
const mostTurns = 100_000

/** @throws StudioError 'not-found' for no such conversation, and where the file cannot be written */
export async function exportConversation(project: Project, { conversation, turn, format, file: path }: Parsed<'chat.export'>): Promise<void> {
  const { id, title } = project.conversations.get(conversation)
  const way = (): ChatTurn[] => project.turns.path(id, { through: turn, limit: mostTurns }).turns
  const file = checkTarget(path)
  const pieces = { markdown: () => markdown(title, way()), json: () => json(project, id), messages: () => messages(way()) }[format]()
  await writeWhole(file, async (put) => {
    for (const piece of pieces) await put(piece)
  })
}

/** What was said stands in quotes, so that no text of a model becomes a heading of the file. */
export function* markdown(title: string, turns: ChatTurn[]): Generator<string> {
  yield `# ${title.replaceAll(/\s+/g, ' ')}\n`
  for (const { created, prompt, seed, panes, failure } of turns) {
    yield `\n## Prompt\n\n${quoted(prompt)}\n\n${created}, seed ${seed}${failure === null ? '' : `. ${failure}`}\n`
    for (const { method, text, end, rating } of panes) {
      const settings = Object.entries(method.settings).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
      const facts = [...settings, ...(end === null ? [] : [`${end.finish === 'end' ? 'ended' : end.finish === 'length' ? 'cut' : 'stopped'}`]), ...(rating === 1 ? ['thumb up'] : rating === -1 ? ['thumb down'] : [])]
      yield `\n### ${titleOfMethod(method.name)}\n\n${quoted(text)}\n${facts.length === 0 ? '' : `\n${facts.join(', ')}\n`}`
    }
  }
}

/** Every turn of it, on whatever way, with every token. */
function* json(project: Project, conversation: number): Generator<string> {
  const { found: _found, turns: _count, ...facts } = project.conversations.get(conversation)
  yield `${JSON.stringify(facts, null, 2).slice(0, -2)},\n  "turns": [`
  let first = true
  for (const turn of project.turns.all(conversation)) {
    yield `${first ? '' : ','}\n    ${JSON.stringify(turn)}`
    first = false
  }
  yield '\n  ]\n}\n'
}

/** A line for each pane of the last turn: the whole conversation as that pane had it. */
function* messages(turns: ChatTurn[]): Generator<string> {
  const last = turns.at(-1)
  if (last === undefined) return
  const exchanges = turns.map(({ prompt, panes }) => ({ prompt, answers: panes.map(({ text }) => text) }))
  for (const [pane, { method, rating }] of last.panes.entries()) {
    const said: Message[] = historyOf(exchanges, pane)
    if (said.length > 0) yield `${JSON.stringify({ messages: said, method, rating })}\n`
  }
}

function quoted(text: string): string {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => `> ${line}`.trimEnd()).join('\n')
}

function titleOfMethod(name: string): string {
  try {
    return methodNamed(name).title
  } catch {
    return name // of a version that knew it
  }
}
