import type { Share } from '../../contract/preference.ts'
import type { ValueFunctionDetail } from '../../contract/value.ts'
import { StudioError } from '../../contract/errors.ts'
import { calibrationBins, type CalibrationBin } from '../../engine/value/calibration.ts'
import { number } from '../arguments.ts'
import type { Command } from '../command.ts'
import { columns, definitions } from '../terminal.ts'

const bins = 5

/** What is known of a value function: how it was made, where its training ended, and what it does on unseen responses. */
export const valueFunctionShow: Command = {
  name: 'value-function show',
  usage: 'value-function show PROJECT [--value-function V]',
  positionals: ['PROJECT'],
  flags: ['value-function'],
  async run(session, input) {
    const { valueFunctions } = await session.open(input.positionals[0] ?? '')
    const id = number(input, 'value-function') ?? valueFunctions.list().at(-1)?.id
    if (id === undefined) throw new StudioError('bad-request', 'this project has no value function yet')
    const { calibration, curve, ...detail } = valueFunctions.detail(id)
    const binned = calibrationBins(calibration, bins)
    const manifest = valueFunctions.manifest(id)
    session.terminal.result({ valueFunction: id, ...detail, calibration: binned, curve: { first: curve[0] ?? null, last: curve.at(-1) ?? null }, manifest }, linesOf({ ...detail, calibration, curve }, binned, manifest?.trainedOn))
    return 0
  }
}

function linesOf(v: ValueFunctionDetail, calibration: CalibrationBin[], trainedOn: string | undefined): string[] {
  const ends = [['first', v.curve[0]], ['kept', v.curve.find(({ epoch }) => epoch === v.bestEpoch)], ['last', v.curve.at(-1)]] as const
  return [
    `Value function ${v.id}: ${v.name}`,
    '',
    ...definitions([
      ['layers', [v.inputDim, ...v.hiddenDims, 1].join(' -> ') + (v.members > 1 ? `, ${v.members} members` : '')],
      ['trained on', v.collection === null ? 'imported' : `${v.source} of collection ${v.collection}${trainedOn === undefined ? '' : `, by ${trainedOn}`}`],
      ['scale c', figure(v.scale)],
      ['reward', `mean ${figure(v.rewardMean)}, standard deviation ${figure(v.rewardScale)}`],
      ...Object.entries(v.settings ?? {}).map(([name, value]): [string, string] => [name, value === null ? 'none' : String(value)])
    ]),
    ...section(v.members > 1 ? "Training of the first member, in standardised rewards" : 'Training, in standardised rewards', [
      ['', 'epoch', 'train loss', 'unseen loss', 'return error', 'correlation'],
      ...ends.flatMap(([name, epoch]) => (epoch === undefined ? [] : [[name, String(epoch.epoch), ...[epoch.trainLoss, epoch.validationLoss, epoch.returnError, epoch.correlation].map(figure)]]))
    ]),
    ...section('Members', [
      ['seed', 'epochs', 'kept', 'return error', 'correlation'],
      ...v.memberFigures.map((m) => [String(m.seed), String(m.epochs), String(m.bestEpoch), figure(m.returnError), figure(m.correlation)])
    ]),
    ...(v.members > 1 ? [`Their mean, which is V: return error ${figure(v.returnError)}, correlation ${figure(v.correlation)}`] : []),
    ...(v.spread === null ? [] : [`Spread over the members at ${v.spread.tokens} unseen tokens: ${figure(v.spread.mean)} on average, where V is ${figure(v.spread.error)} off; correlation of the two ${v.spread.correlation === null ? 'not defined' : figure(v.spread.correlation)}`]),
    ...section('Calibration at the last token, in the units of the reward', [
      ['predicted', 'responses', 'mean predicted', 'mean reward'],
      ...calibration.map((bin) => [`${figure(bin.from)} to ${figure(bin.to)}`, String(bin.responses), figure(bin.predicted), figure(bin.reward)])
    ]),
    ...section('Along unseen responses, in standardised rewards', [
      ['of the response', 'tokens', 'mean (V - r)^2', 'mean V - r'],
      ...v.positions.map((p) => [`${Math.round(100 * p.from)} to ${Math.round(100 * p.to)} %`, String(p.tokens), figure(p.error), figure(p.bias)])
    ]),
    ...(v.pairs === null ? [] : ['', `V is higher for the chosen answer in ${pairText(v.pairs)} of ${v.pairs.pairs} unseen pairs`])
  ]
}

/** A title and a table; nothing where the table has only its head. */
function section(title: string, rows: string[][]): string[] {
  return rows.length < 2 ? [] : ['', title, ...columns(rows)]
}

export function pairText({ accuracy, low, high }: Share): string {
  return `${figure(accuracy)} [${figure(low)}, ${figure(high)}]`
}

export function figure(value: number): string {
  return value.toFixed(4)
}
