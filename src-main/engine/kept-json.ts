/** Small JSON files that only save time or clicks: replaced whole, and an unreadable one counts as none. */
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { z } from 'zod'
import { replaceFileSync } from './replace-file.ts'

export function readKept<S extends z.ZodType>(file: string, schema: S, otherwise: z.output<S>): z.output<S> {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return otherwise
  }
}

/** What only saves time or clicks: a home that may not be written to, or a full disk, keeps nobody from their work. */
export function keepIfPossible(file: string, value: unknown): void {
  try {
    keep(file, value)
  } catch {
    // it is found out again
  }
}

/** What a person has asked for. @throws what the system says */
export function keep(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true })
  replaceFileSync(file, JSON.stringify(value, null, 2))
}
