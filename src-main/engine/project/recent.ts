/** Projects opened lately, newest first, each with the stage that was in front. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { stageName, type StageName } from '../../contract/project.ts'
import type { RecentProject } from '../../contract/shell.ts'
import { keep, keepIfPossible, readKept } from '../kept-json.ts'

const recent = z.array(z.object({ name: z.string(), path: z.string(), stage: stageName.nullable().default(null) }))
type Recent = z.infer<typeof recent>

const kept = 12

/** Those that are gone too: a disk may come back. */
export function listRecent(dataDirectory: string): RecentProject[] {
  return read(dataDirectory).map((project) => ({ ...project, gone: !existsSync(join(project.path, 'project.db')) }))
}

export function addRecent(dataDirectory: string, { name, path }: { name: string; path: string }): void {
  const all = read(dataDirectory)
  const stage = all.find((other) => other.path === path)?.stage ?? null
  keepIfPossible(fileOf(dataDirectory), [{ name, path, stage }, ...all.filter((other) => other.path !== path)].slice(0, kept))
}

export function forgetRecent(dataDirectory: string, path: string): void {
  keep(fileOf(dataDirectory), read(dataDirectory).filter((other) => other.path !== path))
}

export function rememberStage(dataDirectory: string, path: string, stage: StageName): void {
  keepIfPossible(fileOf(dataDirectory), read(dataDirectory).map((project) => (project.path === path ? { ...project, stage } : project)))
}

const fileOf = (dataDirectory: string): string => join(dataDirectory, 'recent-projects.json')
const read = (dataDirectory: string): Recent => readKept(fileOf(dataDirectory), recent, [])
