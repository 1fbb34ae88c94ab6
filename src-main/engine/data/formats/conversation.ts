/** Messages in the form of OpenAI or ShareGPT: the assistant's last turn is the data set's own answer; without one it is a prompt. */
import type { Format } from '../format.ts'
import { isTurns, textOfTurns, turnsOf } from '../messages.ts'
import type { Row } from '../row.ts'

const columnOf = (row: Row): string => (row['messages'] === undefined && row['conversations'] !== undefined ? 'conversations' : 'messages')

export const conversation: Format = {
  name: 'conversation',
  parts: ['messages', 'split'],
  recognises: (row) => isTurns(row[columnOf(row)]),
  parse(row) {
    const column = columnOf(row)
    if (row[column] === undefined || row[column] === null) throw new Error(`it has no "${column}"`)
    const turns = turnsOf(row[column], column)
    const answer = turns.at(-1)?.role === 'assistant' ? turns.at(-1) : undefined
    const messages = answer === undefined ? turns : turns.slice(0, -1)
    if (!messages.some(({ role }) => role === 'user')) throw new Error('it has no turn of the user before the answer')
    return { prompt: textOfTurns(messages), messages, chosen: answer?.content ?? null, rejected: null, used: [column] }
  }
}
