/** Fifty kills of the whole app of each kind, in the real window. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasDisplay, startVirtualDisplay } from '../../native/setup/display.mjs'
import { seededRandom } from '../fixtures/random.ts'
import { killApp } from './app-kills.ts'
import { makeGrounds, scenarios, type Grounds } from './kills.ts'
import { report, soakSeed, times } from './soak.ts'

let grounds: Grounds
let display: { name: string; stop(): void } | null = null
beforeAll(async () => {
  display = (await hasDisplay()) ? null : await startVirtualDisplay()
  if (display !== null) Object.assign(process.env, { DISPLAY: display.name })
  grounds = await makeGrounds(20_000)
})
afterAll(async () => {
  await grounds.close()
  display?.stop()
})

test.each(scenarios.slice(0, 5).map(({ name }, i) => ({ name, i })))('the app, while $name', async ({ name, i }) => {
  const killed = await killApp(name, grounds, times(50), seededRandom(soakSeed + i))
  report(`the app while ${name}: ${killed} kills`)
  expect(killed).toBe(times(50))
})
