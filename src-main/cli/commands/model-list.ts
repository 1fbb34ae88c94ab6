import type { LibraryModel } from '../../contract/models.ts'
import { catalogue } from '../../engine/models/catalogue.ts'
import type { Command } from '../command.ts'
import { columns } from '../terminal.ts'

export const modelList: Command = {
  name: 'model list',
  usage: 'model list',
  positionals: [],
  flags: [],
  async run({ engine, terminal, signal }) {
    const { cacheDirectory, resourcesDirectory } = engine.options
    const { folders, models } = await engine.library.whole(signal)
    const known = catalogue(cacheDirectory, resourcesDirectory)
    const rows = models.map((model) => [
      model.file,
      model.facts?.architecture ?? '',
      model.facts === null ? '' : `${(model.facts.parameters / 1e9).toFixed(2)} B`,
      model.facts?.quantization ?? '',
      model.facts === null ? '' : String(model.facts.contextLength),
      `${(model.bytes / 1e6).toFixed(1)} MB`,
      model.facts?.licence ?? '',
      model.problem ?? fitWords(model)
    ])
    const lines = [
      ...(rows.length === 0 ? ['No models are on this machine.'] : columns([['file', 'architecture', 'parameters', 'quantisation', 'context', 'size', 'licence', 'fit'], ...rows])),
      ...folders.flatMap(({ directory, problem, truncated }) => (problem !== null ? [`${directory}: ${problem}`] : truncated ? [`${directory} holds more than is looked through`] : [])),
      '',
      'To download by name:',
      ...columns(known.map(({ id, title, bytes, licence, present }) => [id, title, `${(bytes / 1e6).toFixed(1)} MB`, licence, present ? 'here' : '']))
    ]
    terminal.result({ models, folders, catalogue: known }, lines)
    return 0
  }
}

function fitWords({ fit }: LibraryModel): string {
  if (fit === null) return ''
  if (fit.verdict === 'none') return fit.reason ?? 'does not fit'
  return `${fit.verdict === 'fits' ? 'fits' : `fits with a context of ${fit.contextTokens}`} on ${fit.device}`
}
