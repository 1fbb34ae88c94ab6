/** TRL's unpaired preference format: a completion is good or bad by its label, which stays in the columns. */
import { answerOf, promptOf, type Format } from '../format.ts'

const labels = new Map<unknown, boolean>([
  [true, true], [1, true], ['true', true], ['1', true], ['good', true],
  [false, false], [0, false], ['false', false], ['0', false], ['bad', false]
])

export const unpaired: Format = {
  name: 'unpaired',
  parts: ['prompt', 'completion', 'label', 'split'],
  recognises: (row) => ['prompt', 'completion', 'label'].every((column) => row[column] !== undefined),
  parse(row) {
    const { label } = row
    const good = labels.get(typeof label === 'string' ? label.toLowerCase() : label)
    if (good === undefined) throw new Error(label === undefined || label === null ? 'it has no "label"' : 'its "label" is neither true nor false')
    const { prompt, messages } = promptOf(row, 'prompt')
    const completion = answerOf(row, 'completion', messages)
    return { prompt, messages, chosen: good ? completion : null, rejected: good ? null : completion, used: ['prompt', 'completion'] }
  }
}
