/**
 * Responses as RE-Control's public code keeps them (arXiv:2406.05954): prompt, response, and result, which is one after
 * the other. The response is taken for the data set's own answer; a result that is something else stays a column.
 */
import { promptOf, textOf, type Format } from '../format.ts'

export const reControl: Format = {
  name: 're-control',
  parts: ['prompt', 'response', 'split'],
  recognises: (row) => ['prompt', 'result', 'response'].every((column) => typeof row[column] === 'string'),
  parse(row) {
    const { prompt, messages } = promptOf(row, 'prompt')
    const response = textOf(row, 'response')
    const isBoth = row['result'] === prompt + response
    return { prompt, messages, chosen: response, rejected: null, used: ['prompt', 'response', ...(isBoth ? ['result'] : [])] }
  }
}
