/** The tests that need no window. They run on Electron as node, the runtime that people have: see native/setup/test.mjs. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,native,engine,cli,faults}/**/*.test.ts'],
    // model hosts and terminals take the cores that there are
    fileParallelism: false,
    // processes of their own: the addon and SQLite are loaded for good, and Electron has no worker threads for them
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
