import { exampleOrder } from '../../contract/data.ts'
import { number, required, UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { exampleFilterFrom, exampleFlags, exampleUsage, oneOf } from '../example-flags.ts'

const most = 500

export const dataSearch: Command = {
  name: 'data search',
  usage: `data search PROJECT WORDS --dataset D [--limit N --order line|shortest|longest ${exampleUsage}]`,
  positionals: ['PROJECT', 'WORDS'],
  flags: ['dataset', 'limit', 'order', ...exampleFlags],
  async run(session, input) {
    const [directory = '', words = ''] = input.positionals
    const dataset = Number(required(input, 'dataset'))
    const filter = exampleFilterFrom(input, words)
    const order = oneOf(input, 'order', exampleOrder.options) ?? 'line'
    const limit = number(input, 'limit') ?? 20
    if (!Number.isInteger(limit) || limit < 1 || limit > most) throw new UsageError(`--limit is a whole number from 1 to ${most}`)
    const project = await session.open(directory)
    const { total, exact, examples } = await project.examples.page({ dataset, filter, order }, 0, limit)
    session.terminal.result({ dataset, total, exact, examples }, [
      ...examples.map(({ line, excerpt }) => `${line}: ${excerpt}`),
      `${examples.length} of ${total}${exact ? '' : ' or more'} examples`
    ])
    return 0
  }
}
