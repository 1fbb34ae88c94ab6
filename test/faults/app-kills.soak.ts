/** Fifty kills of the whole app of each kind, in the real window; and an engine that hangs there. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasDisplay, startVirtualDisplay } from '../../native/setup/display.mjs'
import { root } from '../engine/studio.ts'
import { seededRandom } from '../fixtures/random.ts'
import { killApp } from './app-kills.ts'
import { makeGrounds, scenarios, type Grounds } from './kills.ts'
import { report, soakSeed, times } from './soak.ts'
import { openWindow } from './studio-window.ts'

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

test('an engine that is stopped is told of in the window, and restarted from there with its project', async () => {
  const place = join(grounds.directory, 'hangs')
  cpSync(grounds.before.imported, join(place, 'project'), { recursive: true })
  const window = await openWindow(place)
  try {
    await window.output('project.open', { directory: join(place, 'project') })
    await window.page.getByRole('navigation', { name: 'Stages' }).waitFor()
    const engine = await window.app.evaluate(({ app }) => app.getAppMetrics().find(({ name }) => name === 'RE-Control engine')?.pid)
    process.kill(engine as number, 'SIGSTOP')
    const told = window.page.getByRole('alert').filter({ hasText: /The engine does not answer/ })
    await told.waitFor({ timeout: 120_000 })
    process.kill(engine as number, 'SIGCONT') // it was only busy: the notice goes by itself
    await told.waitFor({ state: 'detached', timeout: 120_000 })
    process.kill(engine as number, 'SIGSTOP')
    await told.waitFor({ timeout: 120_000 })
    if (process.env['RE_CONTROL_PICTURES'] !== undefined)
      for (const colorScheme of ['light', 'dark'] as const) {
        await window.page.emulateMedia({ colorScheme })
        await window.page.screenshot({ path: join(root, 'test-results', 'screenshots', `engine-hangs.${colorScheme}.png`) })
      }
    await told.getByRole('button', { name: 'Restart the engine' }).click()
    await window.page.getByText(/The engine was killed by SIGKILL.*started again/).waitFor({ timeout: 60_000 })
    // what is asked of the engine that ended is never answered
    const opened = (): Promise<unknown> => Promise.race([window.output<{ project: unknown }>('studio.state', {}).then(({ project }) => project, () => null), wait(2000, null)])
    await expect.poll(opened, { timeout: 60_000 }).not.toBeNull()
  } finally {
    window.app.process().kill('SIGKILL')
  }
})
