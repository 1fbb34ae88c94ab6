import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: '.',
  testMatch: '*.test.ts',
  globalSetup: '../e2e/fetch-model.ts',
  workers: 1, // there is one installed copy
  timeout: 15 * 60_000,
  expect: { timeout: 60_000 },
  outputDir: '../../test-results/traces',
  use: { trace: 'off' }
})
