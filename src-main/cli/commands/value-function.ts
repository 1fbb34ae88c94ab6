import { StudioError } from '../../contract/errors.ts'
import { exportValueFunction, importValueFunction } from '../../engine/value/exchange.ts'
import { text } from '../arguments.ts'
import type { Command } from '../command.ts'

export const valueFunctionExport: Command = {
  name: 'value-function export',
  usage: 'value-function export PROJECT FILE.safetensors [--value-function V]',
  positionals: ['PROJECT', 'FILE'],
  flags: ['value-function'],
  async run(session, input) {
    const [directory = '', path = ''] = input.positionals
    const project = await session.open(directory)
    const chosen = text(input, 'value-function')
    const id = chosen === undefined ? project.valueFunctions.list().at(-1)?.id : Number(chosen)
    if (id === undefined) throw new StudioError('bad-request', 'this project has no value function yet')
    const { inputDim, hiddenDims } = project.valueFunctions.detail(id)
    const file = await exportValueFunction(project, id, path)
    session.terminal.result({ valueFunction: id, inputDim, hiddenDims, file }, [`Value function ${id} written to ${file}`])
    return 0
  }
}

export const valueFunctionImport: Command = {
  name: 'value-function import',
  usage: 'value-function import PROJECT FILE.safetensors|FILE.pth',
  positionals: ['PROJECT', 'FILE'],
  flags: [],
  async run(session, { positionals: [directory = '', path = ''] }) {
    const project = await session.open(directory)
    const { id, warning } = await importValueFunction(project, path)
    if (warning !== null) session.terminal.note(warning)
    const { inputDim, hiddenDims } = project.valueFunctions.detail(id)
    session.terminal.result({ valueFunction: id, inputDim, hiddenDims }, [`Value function ${id}: ${[inputDim, ...hiddenDims, 1].join(' -> ')}`])
    return 0
  }
}
