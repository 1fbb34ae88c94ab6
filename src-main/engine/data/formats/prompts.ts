/** Prompts only, with whatever other columns. */
import { optionalTextOf, textOf, userTurn, type Format } from '../format.ts'

export const prompts: Format = {
  name: 'prompts',
  recognises: (row) => typeof row['prompt'] === 'string',
  parse(row) {
    const prompt = textOf(row, 'prompt')
    return { prompt, messages: userTurn(prompt), chosen: optionalTextOf(row, 'chosen'), rejected: optionalTextOf(row, 'rejected'), used: ['prompt', 'chosen', 'rejected'] }
  }
}
