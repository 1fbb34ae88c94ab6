/** The app started for a project, and a second start while it runs. */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import electronPath from 'electron'
import { expect, test } from './studio.ts'

const root = resolve(import.meta.dirname, '..', '..')

test('a start without words opens none, and what cannot be opened is said', async ({ studio }) => {
  const { page, app, folder } = studio
  await expect(page.getByRole('button', { name: 'Open the sample project' })).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
  const flags = await app.evaluate(({ app: electron }) => [`--user-data-dir=${electron.getPath('userData')}`])
  // the running app is told, and the second one ends
  const again = spawnSync(String(electronPath), ['.', '--no-sandbox', '--disable-gpu', ...flags, join(folder, 'nothing here')], { cwd: root, env: { ...process.env, ELECTRON_RUN_AS_NODE: undefined }, timeout: 60_000 })
  expect(again.status).toBe(0)
  await expect(page.getByRole('alert').first()).toBeVisible()
})
