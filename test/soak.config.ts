/** The tests that take hours: `npm run test:soak`. See native/setup/test.mjs. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.soak.ts'],
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 6 * 3_600_000,
    hookTimeout: 600_000
  }
})
