import { StudioError } from '../../contract/errors.ts'
import type { ModelSource } from '../../contract/models.ts'
import { catalogue } from '../../engine/models/catalogue.ts'
import { listHubModel, parseModelFile, parseModelName } from '../../engine/models/hub-model.ts'
import type { Command } from '../command.ts'
import type { Session } from '../session.ts'

export const modelDownload: Command = {
  name: 'model download',
  usage: 'model download NAME|OWNER/NAME[@REVISION]/FILE.gguf',
  positionals: ['NAME'],
  flags: [],
  async run(session, input) {
    const source = await sourceOf(input.positionals[0] ?? '', session)
    const file = await session.download(source)
    session.terminal.result({ source, file }, [file])
    return 0
  }
}

/** A name of the catalogue, a file of the hub, or a model of the hub that has only one. @throws StudioError */
async function sourceOf(text: string, { engine }: Session): Promise<ModelSource> {
  const { cacheDirectory, resourcesDirectory } = engine.options
  const named = catalogue(cacheDirectory, resourcesDirectory).find(({ id }) => id === text)
  if (named !== undefined) return { kind: 'catalogue', id: named.id }
  if (!text.includes('/')) throw new StudioError('not-found', `the catalogue has no model ${text}; model list names those that it has, and a model of the hub is owner/name/file`)
  const file = parseModelFile(text)
  if (file !== null) return { kind: 'hub', ...file }
  const { name, files } = await listHubModel(text, cacheDirectory)
  const whole = files.filter(({ split }) => !split)
  const [only] = whole
  if (only === undefined) throw new StudioError('not-usable', `${name} has no GGUF file that the studio could load`)
  if (whole.length > 1) throw new StudioError('bad-request', `${name} has ${whole.length} GGUF files; name one of them: ${whole.map(({ path, bytes }) => `${name}/${path} (${(bytes / 1e6).toFixed(0)} MB)`).join(', ')}`)
  return { kind: 'hub', ...parseModelName(text), path: only.path }
}
