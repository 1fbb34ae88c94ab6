import type { ValueComparison } from '../../contract/value.ts'
import { methods } from '../../contract/methods.ts'
import { compareValueFunctions } from '../../engine/value/compare.ts'
import { required } from '../arguments.ts'
import type { Command } from '../command.ts'
import { columns } from '../terminal.ts'
import { figure, pairText } from './value-function-show.ts'

export const valueFunctionCompare: Command = {
  name: 'value-function compare',
  usage: 'value-function compare PROJECT --value-functions V,V,...',
  positionals: ['PROJECT'],
  flags: ['value-functions'],
  async run(session, input) {
    const { ids } = methods['value.compare'].input.parse({ ids: required(input, 'value-functions').split(',').map(Number) })
    const comparison = compareValueFunctions(await session.open(input.positionals[0] ?? ''), ids)
    session.terminal.result(comparison, linesOf(comparison))
    return 0
  }
}

function linesOf({ settings, rows }: ValueComparison): string[] {
  const table = columns([
    ['', ...rows.map(({ id }) => `#${id}`)],
    ...settings.map(({ name, values }) => [name, ...values]),
    ['epochs, kept', ...rows.map(({ epochs, bestEpoch }) => `${epochs}, ${bestEpoch}`)],
    ['unseen responses', ...rows.map(({ heldOut }) => String(heldOut))],
    ['return error', ...rows.map(({ returnError }) => figure(returnError))],
    ['correlation', ...rows.map(({ correlation }) => figure(correlation))],
    ...(rows.some(({ pairs }) => pairs !== null) ? [['pairs', ...rows.map(({ pairs }) => (pairs === null ? '-' : pairText(pairs)))]] : [])
  ])
  const [first, ...others] = rows
  return [
    ...rows.map(({ id, name }) => `#${id}: ${name}`),
    '',
    ...table,
    '',
    ...others.map(({ id, difference }) =>
      difference === null
        ? `#${id} was measured on other responses or rewards than #${first?.id}, so their errors are no comparison`
        : `Return error of a response, #${id} - #${first?.id} on the same ${difference.responses}: ${figure(difference.mean)}, paired 95 % interval [${figure(difference.low)}, ${figure(difference.high)}]`
    )
  ]
}
