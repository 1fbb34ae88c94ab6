/** The tests that need no window. They run on Electron as node, the runtime that people have: see native/setup/test.mjs. */
import { defineConfig } from 'vitest/config'

const files = (...folders: string[]): string[] => folders.map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  test: {
    // processes of their own: the addon and SQLite are loaded for good, and Electron has no worker threads for them
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'two at a time',
          include: files('unit', 'engine', 'cli', 'security'),
          // what they start (terminals, model hosts of one thread) keeps one core busy each, and is half of the time waited for
          maxWorkers: 2,
          sequence: { groupOrder: 0 }
        }
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: files('native', 'faults'),
          // threads of the addon that spin, and processes that are killed and counted
          maxWorkers: 1,
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
