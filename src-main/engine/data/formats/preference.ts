/** TRL's preference format: prompt, chosen and rejected, each as text or as messages. */
import { answerOf, promptOf, type Format } from '../format.ts'
import { isTurns } from '../messages.ts'
import type { Row } from '../row.ts'

const has = (row: Row, column: string): boolean => typeof row[column] === 'string' || isTurns(row[column])

export const preference: Format = {
  name: 'preference',
  parts: ['prompt', 'chosen', 'rejected', 'split'],
  recognises: (row) => ['prompt', 'chosen', 'rejected'].every((column) => has(row, column)),
  parse(row) {
    const { prompt, messages } = promptOf(row, 'prompt')
    return {
      prompt, messages,
      chosen: answerOf(row, 'chosen', messages), rejected: answerOf(row, 'rejected', messages),
      used: ['prompt', 'chosen', 'rejected']
    }
  }
}
