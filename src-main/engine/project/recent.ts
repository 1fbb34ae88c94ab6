/** Projects opened lately, newest first; those that are gone are left out. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const recent = z.array(z.object({ name: z.string(), path: z.string() }))
type Recent = z.infer<typeof recent>

const kept = 12

export function listRecent(dataDirectory: string): Recent {
  return read(dataDirectory).filter(({ path }) => existsSync(join(path, 'project.db')))
}

export function addRecent(dataDirectory: string, { name, path }: Recent[number]): void {
  const others = read(dataDirectory).filter((other) => other.path !== path)
  mkdirSync(dataDirectory, { recursive: true })
  const file = fileOf(dataDirectory)
  writeFileSync(`${file}.part`, JSON.stringify([{ name, path }, ...others].slice(0, kept), null, 2))
  renameSync(`${file}.part`, file)
}

/** An unreadable list is an empty one: it only saves clicks. */
function read(dataDirectory: string): Recent {
  try {
    return recent.parse(JSON.parse(readFileSync(fileOf(dataDirectory), 'utf8')))
  } catch {
    return []
  }
}

const fileOf = (dataDirectory: string): string => join(dataDirectory, 'recent-projects.json')
