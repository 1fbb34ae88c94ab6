import { resolve } from 'node:path'
import { StudioError } from '../../contract/errors.ts'
import { exportStatesSettings, importStatesSettings } from '../../contract/collect.ts'
import { required } from '../arguments.ts'
import type { Command } from '../command.ts'

export const statesExport: Command = {
  name: 'states export',
  usage: 'states export PROJECT DIR --collection C',
  positionals: ['PROJECT', 'DIR'],
  flags: ['collection'],
  async run(session, input) {
    const [project = '', path = ''] = input.positionals
    const settings = exportStatesSettings.parse({ collection: Number(required(input, 'collection')), directory: resolve(path) })
    const { collections } = await session.open(project)
    await session.run('export-states', settings)
    const { id, responses, states } = collections.get(settings.collection)
    session.terminal.result({ collection: id, responses, states, inputDim: collections.inputDim(id), directory: settings.directory }, [`${responses} responses with ${states} states written to ${settings.directory}`])
    return 0
  }
}

export const statesImport: Command = {
  name: 'states import',
  usage: 'states import PROJECT DIR|FILE',
  positionals: ['PROJECT', 'PATH'],
  flags: [],
  async run(session, { positionals: [directory = '', path = ''] }) {
    const project = await session.open(directory)
    const { subject } = await session.run('import-states', importStatesSettings.parse({ path: resolve(path) }))
    if (subject === null) throw new StudioError('internal', 'the import made no collection')
    const { id, dataset, responses, states } = project.collections.get(subject)
    const inputDim = project.collections.inputDim(id)
    const rewards = project.rewards.labellings(id).map(({ name }) => name)
    session.terminal.result({ collection: id, dataset, responses, states, inputDim, rewards }, [
      `Collection ${id}: ${responses} responses with ${states} states of ${inputDim} numbers, ${rewards.length === 0 ? 'no rewards' : `rewards: ${rewards.join(', ')}`}`
    ])
    return 0
  }
}
