/** A few kills of each kind; fifty and more are behind `npm run test:soak`. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../fixtures/random.ts'
import { killLoop, makeGrounds, scenarios, type Grounds } from './kills.ts'
import { killTerminal } from './terminal-kills.ts'

let grounds: Grounds
beforeAll(async () => (grounds = await makeGrounds(300)))
afterAll(() => grounds.close())

test.each(scenarios.map((scenario, i) => ({ ...scenario, i })))('killed while $name: whole, and ends like an undisturbed run', async (scenario) => {
  const kills = scenario.i < 5 ? 2 : 1
  expect((await killLoop(scenario, grounds, kills, seededRandom(100 + scenario.i))).killed).toBeGreaterThanOrEqual(kills)
})

test('the terminal killed with everything below it: the same command again ends as if nothing had been', async () => {
  expect(await killTerminal(1, seededRandom(11), 'collect')).toEqual({ collect: 1 })
})
