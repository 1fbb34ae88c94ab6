/** What the program was started for: its window, a project in it, or a command of the terminal. */
import { basename, dirname, resolve } from 'node:path'

export type Purpose =
  | { kind: 'window'; project: string | null }
  | { kind: 'terminal'; words: string[] }

/**
 * A path has a separator in it and opens the window; any other word begins a command, so that `project new` means the
 * same beside a folder called "project". Switches before the first word are Chromium's; after `--` nothing is.
 * @param given the words after the program's own (in a checkout: after the app's folder)
 * @param directory what a relative path begins at
 */
export function readPurpose(given: readonly string[], directory: string): Purpose {
  const end = given.indexOf('--')
  const begin = end >= 0 ? end + 1 : given.findIndex((word) => !word.startsWith('-'))
  const words = begin < 0 ? [] : given.slice(begin)
  const [first] = words
  if (first === undefined) return { kind: 'window', project: null }
  if (first === 'cli') return { kind: 'terminal', words: words.slice(1) }
  if (first === '.' || first === '..' || /[\\/]/.test(first)) return { kind: 'window', project: projectFolder(resolve(directory, first)) }
  return { kind: 'terminal', words }
}

/** A project is opened by its folder or by the database in it. */
export function projectFolder(path: string): string {
  return basename(path) === 'project.db' ? dirname(path) : path
}
