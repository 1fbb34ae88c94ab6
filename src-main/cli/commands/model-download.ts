import { StudioError } from '../../contract/errors.ts'
import type { ModelSource } from '../../contract/models.ts'
import { catalogue } from '../../engine/models/catalogue.ts'
import { listHubModel } from '../../engine/models/hub-model.ts'
import { fileOf, parsePasted } from '../../engine/models/pasted.ts'
import type { Command } from '../command.ts'
import type { Session } from '../session.ts'

export const modelDownload: Command = {
  name: 'model download',
  usage: 'model download NAME|OWNER/NAME[:QUANTISATION]|OWNER/NAME[@REVISION]/FILE.gguf|ADDRESS',
  positionals: ['NAME'],
  flags: [],
  async run(session, input) {
    const source = await sourceOf(input.positionals[0] ?? '', session)
    const file = await session.download(source)
    if (source.kind === 'address') session.terminal.note(`${new URL(source.url).host} names no checksum: the file is a whole GGUF file, but nobody says that it is the published one; model checksum tells its own`)
    session.terminal.result({ source, file }, [file])
    return 0
  }
}

/** A name of the catalogue, what a pasted address leads to, or a model of the hub that has only one. @throws StudioError */
async function sourceOf(text: string, { engine }: Session): Promise<ModelSource> {
  const { cacheDirectory, resourcesDirectory } = engine.options
  const named = catalogue(cacheDirectory, resourcesDirectory).find(({ id }) => id === text)
  if (named !== undefined) return { kind: 'catalogue', id: named.id }
  if (!text.includes('/')) throw new StudioError('not-found', `the catalogue has no model ${text}; model list names those that it has, and a model of the hub is owner/name/file`)
  const pasted = parsePasted(text)
  if (pasted.kind === 'address') return pasted
  if (pasted.kind === 'file') return { ...pasted, kind: 'hub' }
  const { name, revision, quantization } = pasted
  const model = await listHubModel(revision === null ? name : `${name}@${revision}`, cacheDirectory)
  if (quantization !== null) return { kind: 'hub', name, revision, path: fileOf(model, quantization).path }
  const whole = model.files.filter(({ missing }) => missing.length === 0)
  const [only] = whole
  if (only === undefined) throw new StudioError('not-usable', `${name} has no GGUF file that the studio could load`)
  if (whole.length > 1) throw new StudioError('bad-request', `${name} has ${whole.length} GGUF files; name one of them: ${whole.map(({ path, bytes }) => `${name}/${path} (${(bytes / 1e6).toFixed(0)} MB)`).join(', ')}`)
  return { kind: 'hub', name, revision, path: only.path }
}
