import { fetchFile } from '../../engine/data/hub/fetch.ts'
import { listHubDataset } from '../../engine/data/hub/list.ts'
import type { Command } from '../command.ts'
import { columns } from '../terminal.ts'

export const dataHub: Command = {
  name: 'data hub',
  usage: 'data hub OWNER/NAME[@REVISION]',
  positionals: ['OWNER/NAME'],
  flags: [],
  async run({ engine, terminal }, input) {
    const dataset = await listHubDataset(input.positionals[0] ?? '', engine.options.cacheDirectory)
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
    terminal.result(dataset, [
      `${dataset.name} at ${dataset.revision}, licence ${dataset.licence ?? 'not given'}, ${dataset.files.length} data files`,
      ...(dataset.files.length === 0 ? [] : columns(dataset.files.map(({ file, bytes, present }) => [file, megabytes(bytes), present ? 'here' : ''])))
    ])
    return 0
  }
}

export const dataFetch: Command = {
  name: 'data fetch',
  usage: 'data fetch hf://datasets/OWNER/NAME[@REVISION]/PATH',
  positionals: ['FILE'],
  flags: [],
  async run(session, input) {
    const [file = ''] = input.positionals
    const path = await session.withProgress((context) => fetchFile(file, session.engine.options.cacheDirectory, context))
    session.terminal.result({ file, path }, [path])
    return 0
  }
}
