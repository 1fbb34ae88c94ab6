/** GGUF files below a folder that may hold anything: bounded, without following links to folders. */
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A folder of models is flat or as deep as the hub's cache; a home folder or a disk is not one. */
export const bounds = { entries: 50_000, depth: 8, models: 500 }

export interface Found {
  files: { file: string; bytes: number }[]
  /** there is more than was looked through */
  truncated: boolean
  /** why the folder itself could not be read */
  problem: string | null
}

/** Breadth first, so that what lies on top is found before the bounds end it. Folders that cannot be read are left out. */
export async function findModels(directory: string, most = bounds): Promise<Found> {
  const found: Found = { files: [], truncated: false, problem: null }
  let folders = [directory]
  let entries = 0
  for (let depth = 0; folders.length > 0; depth++) {
    if (depth > most.depth) return { ...found, truncated: true }
    const next: string[] = []
    for (const folder of folders) {
      try {
        for await (const entry of await opendir(folder, { bufferSize: 256 })) {
          if (++entries > most.entries) return { ...found, truncated: true }
          const path = join(folder, entry.name)
          if (entry.isDirectory()) next.push(path)
          else if (/\.gguf$/i.test(entry.name) && (entry.isFile() || entry.isSymbolicLink())) {
            const bytes = await bytesOf(path)
            if (bytes === null) continue
            if (found.files.length >= most.models) return { ...found, truncated: true }
            found.files.push({ file: path, bytes })
          }
        }
      } catch (error) {
        if (folder === directory) found.problem = reasonOf(error)
      }
    }
    folders = next
  }
  return found
}

/** null where it is no ordinary file, or gone by now; a link may lead to one, as in the hub's cache. */
async function bytesOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path)
    return found.isFile() ? found.size : null
  } catch {
    return null
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOENT') return 'it is not there any more'
  if (code === 'ENOTDIR') return 'it is not a folder'
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read'
  return error instanceof Error ? error.message : String(error)
}
