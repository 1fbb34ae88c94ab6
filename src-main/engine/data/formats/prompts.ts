/** Prompts only, with whatever other columns. */
import { answerOf, optionalTextOf, promptOf, type Format } from '../format.ts'
import { isTurns } from '../messages.ts'

export const prompts: Format = {
  name: 'prompts',
  parts: ['prompt', 'chosen', 'rejected', 'split'],
  recognises: (row) => typeof row['prompt'] === 'string' || isTurns(row['prompt']),
  parse(row) {
    const { prompt, messages } = promptOf(row, 'prompt')
    const answer = (column: string): string | null => (isTurns(row[column]) ? answerOf(row, column, messages) : optionalTextOf(row, column))
    return { prompt, messages, chosen: answer('chosen'), rejected: answer('rejected'), used: ['prompt', 'chosen', 'rejected'] }
  }
}
