import { basename, resolve } from 'node:path'
import { readSafetensors, writeSafetensors } from '../../engine/value/safetensors.ts'
import { StudioError } from '../../contract/errors.ts'
import { text } from '../arguments.ts'
import type { Command } from '../command.ts'

export const valueFunctionExport: Command = {
  name: 'value-function export',
  usage: 'value-function export PROJECT FILE.safetensors [--value-function V]',
  positionals: ['PROJECT', 'FILE'],
  flags: ['value-function'],
  async run(session, input) {
    const [directory = '', file = ''] = input.positionals
    const { valueFunctions } = await session.open(directory)
    const chosen = text(input, 'value-function')
    const id = chosen === undefined ? valueFunctions.list().at(-1)?.id : Number(chosen)
    if (id === undefined) throw new StudioError('bad-request', 'this project has no value function yet')
    const { name, source, scale, rewardMean, rewardScale, inputDim, hiddenDims } = valueFunctions.detail(id)
    await writeSafetensors(resolve(file), valueFunctions.network(id), {
      name, source, scale: String(scale), rewardMean: String(rewardMean), rewardScale: String(rewardScale)
    })
    session.terminal.result({ valueFunction: id, inputDim, hiddenDims, file: resolve(file) }, [`Value function ${id} written to ${resolve(file)}`])
    return 0
  }
}

export const valueFunctionImport: Command = {
  name: 'value-function import',
  usage: 'value-function import PROJECT FILE.safetensors',
  positionals: ['PROJECT', 'FILE'],
  flags: [],
  async run(session, { positionals: [directory = '', file = ''] }) {
    const { network, metadata } = readSafetensors(resolve(file))
    const { valueFunctions } = await session.open(directory)
    // without our metadata it was trained on raw states and rewards: c = 1, so that its alphas mean what they meant
    const id = valueFunctions.add({
      name: metadata['name'] ?? basename(file),
      source: metadata['source'] ?? 'imported',
      collection: null,
      network,
      scale: finite(metadata['scale'], 1),
      rewardMean: finite(metadata['rewardMean'], 0),
      rewardScale: finite(metadata['rewardScale'], 1),
      settings: null,
      bestEpoch: 0,
      curve: [],
      calibration: [],
      manifest: null
    })
    const { inputDim, hiddenDims } = valueFunctions.detail(id)
    session.terminal.result({ valueFunction: id, inputDim, hiddenDims }, [`Value function ${id}: ${inputDim} -> ${hiddenDims.join(' -> ')} -> 1`])
    return 0
  }
}

function finite(value: string | undefined, otherwise: number): number {
  const number = Number(value)
  return value === undefined || !Number.isFinite(number) ? otherwise : number
}
