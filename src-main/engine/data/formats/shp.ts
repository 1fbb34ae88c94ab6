/** SHP (Ethayarajh et al. 2022): a post's history and, in the full set, two comments of which `labels` prefers one. */
import { optionalTextOf, textOf, userTurn, type Format } from '../format.ts'

export const shp: Format = {
  name: 'shp',
  recognises: (row) => typeof row['history'] === 'string',
  parse(row) {
    const prompt = textOf(row, 'history')
    const a = optionalTextOf(row, 'human_ref_A')
    const b = optionalTextOf(row, 'human_ref_B')
    const [chosen, rejected] = row['labels'] === 0 ? [b, a] : [a, b] // labels 1: A is preferred
    return { prompt, messages: userTurn(prompt), chosen, rejected, used: ['history', 'human_ref_A', 'human_ref_B'] }
  }
}
