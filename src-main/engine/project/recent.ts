/** Projects opened lately, newest first; those that are gone are left out. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { keep, readKept } from '../kept-json.ts'

const recent = z.array(z.object({ name: z.string(), path: z.string() }))
type Recent = z.infer<typeof recent>

const kept = 12

export function listRecent(dataDirectory: string): Recent {
  return readKept(fileOf(dataDirectory), recent, []).filter(({ path }) => existsSync(join(path, 'project.db')))
}

export function addRecent(dataDirectory: string, { name, path }: Recent[number]): void {
  const file = fileOf(dataDirectory)
  const others = readKept(file, recent, []).filter((other) => other.path !== path)
  keep(file, [{ name, path }, ...others].slice(0, kept))
}

const fileOf = (dataDirectory: string): string => join(dataDirectory, 'recent-projects.json')
