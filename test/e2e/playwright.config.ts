import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: '.',
  testMatch: '*.test.ts',
  globalSetup: './fetch-model.ts',
  workers: 1, // the model wants every core
  timeout: 8 * 60_000,
  expect: { timeout: 30_000 },
  outputDir: '../../test-results/traces',
  use: { trace: 'off' }
})
