import { basename } from 'node:path'
import { combined, partChecksums } from '../../engine/models/checksum.ts'
import { inspectModel } from '../../engine/models/inspect.ts'
import { partNamesOf } from '../../engine/models/split.ts'
import type { Command } from '../command.ts'

/** Ctrl-C ends it; files that were read to their ends are not read again. */
export const modelChecksum: Command = {
  name: 'model checksum',
  usage: 'model checksum FILE',
  positionals: ['FILE'],
  flags: [],
  async run(session, { positionals: [path = ''] }) {
    const { file, bytes, parts } = await inspectModel(path)
    const checksums = await session.withProgress(({ signal, phase, progress }) => {
      phase(`Reading ${basename(file)}`, { done: 0, total: bytes })
      return partChecksums(file, session.engine.options.cacheDirectory, { progress, signal })
    })
    const sha256 = combined(checksums)
    const files = partNamesOf(file).map((part, i) => ({ file: part, sha256: checksums[i] ?? '' }))
    session.terminal.result({ file, sha256, parts, files }, parts === 1 ? [`${sha256}  ${file}`] : [...files.map((one) => `${one.sha256}  ${one.file}`), `${sha256}  all ${parts} together`])
    return 0
  }
}
