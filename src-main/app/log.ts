/**
 * The log: one line an entry, in the data directory, replaced by the next file when it is long. It is what a report of a
 * fault needs; `LogEntry` says what can be in it. It is written at once, so that the last line before a crash is there.
 */
import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LogEntry } from '../contract/log-entry.ts'

const longest = 1 << 20 // bytes, after which studio.log becomes studio.1.log
const kept = 3

const warnings: readonly LogEntry['what'][] = ['engine ended', 'engine given up', 'engine hangs', 'model host ended', 'window crashed', 'window hangs', 'unforeseen']

export class Log {
  readonly file: string

  constructor(dataDirectory: string) {
    this.file = join(dataDirectory, 'logs', 'studio.log')
  }

  /** A disk that is full or may not be written to ends no process: then there is no log. */
  add({ what, ...facts }: LogEntry): void {
    const level = warnings.includes(what) || ('code' in facts && facts.code !== null) ? 'warning' : 'info'
    try {
      mkdirSync(dirname(this.file), { recursive: true })
      if ((statSync(this.file, { throwIfNoEntry: false })?.size ?? 0) > longest) this.#rotate()
      appendFileSync(this.file, `${new Date().toISOString()} ${level} ${what} ${JSON.stringify(facts)}\n`, { mode: 0o600 })
    } catch {
      // nothing can be said about it here
    }
  }

  /** The last lines, for "Copy details". */
  tail(lines = 40): string {
    try {
      return readFileSync(this.file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return ''
    }
  }

  #rotate(): void {
    const named = (number: number): string => this.file.replace(/\.log$/, number === 0 ? '.log' : `.${number}.log`)
    for (let number = kept - 1; number > 0; number--) {
      if (statSync(named(number - 1), { throwIfNoEntry: false }) !== undefined) renameSync(named(number - 1), named(number))
    }
  }
}
