/** TRL's preference format: prompt, chosen and rejected as plain text. */
import { textOf, userTurn, type Format } from '../format.ts'

export const preference: Format = {
  name: 'preference',
  recognises: (row) => ['prompt', 'chosen', 'rejected'].every((column) => typeof row[column] === 'string'),
  parse(row) {
    const prompt = textOf(row, 'prompt')
    return { prompt, messages: userTurn(prompt), chosen: textOf(row, 'chosen'), rejected: textOf(row, 'rejected'), used: ['prompt', 'chosen', 'rejected'] }
  }
}
