/** What a person wants of the studio on this machine; the app's process reads the same file. */
import { join } from 'node:path'
import { preferences, type Preferences } from '../contract/shell.ts'
import { keep, readKept } from './kept-json.ts'

export function readPreferences(dataDirectory: string): Preferences {
  return readKept(fileOf(dataDirectory), preferences, preferences.parse({}))
}

export function keepPreferences(dataDirectory: string, wanted: Preferences): void {
  keep(fileOf(dataDirectory), wanted)
}

const fileOf = (dataDirectory: string): string => join(dataDirectory, 'preferences.json')
