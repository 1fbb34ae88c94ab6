/** The Train stage with several value functions of one collection, trained by the terminal on the tiny model. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { expect, test } from './studio.ts'

const electron = createRequire(import.meta.url)('electron') as unknown as string
const entry = resolve(import.meta.dirname, '..', '..', 'out', 'main', 'cli.js')
const words = ['calm', 'bright', 'slow', 'kind', 'green', 'loud']

test('objectives, pairs, ensembles, V along unseen responses, and runs side by side', async ({ studio }) => {
  const { page, go, picture, folder, problems } = studio
  const cli = (...args: string[]): void => {
    const own = { HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), XDG_DATA_HOME: join(folder, 'cli'), LOCALAPPDATA: join(folder, 'cache'), APPDATA: join(folder, 'cli') }
    execFileSync(electron, [entry, ...args], { cwd: folder, env: { ...process.env, ...own, ELECTRON_RUN_AS_NODE: '1' }, stdio: 'pipe' })
  }
  writeTinyModel(join(folder, 'tiny.gguf'))
  const rows = Array.from({ length: 40 }, (_, i) => ({ prompt: `Is ${words[i % 6]} number ${i}?`, chosen: `the ${words[(i * 5) % 6]} ${i} a`, rejected: `the ${words[(i * 7) % 6]} ${i} z`, score: Math.cos(i) }))
  writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const train = ['train', 'p', '--collection', '1', '--source', 'column', '--hidden', '32', '--epochs', '12', '--validation', '0.3', '--lr', '1e-3', '--preferred', '2', '--dispreferred', '3', '--device', 'cpu']
  cli('project', 'new', 'p', '--model', 'tiny.gguf')
  cli('data', 'import', 'p', 'rows.jsonl')
  cli('collect', 'p', '--dataset', '1', '--max-tokens', '24', '--device', 'cpu')
  for (const responses of ['chosen', 'rejected']) cli('collect', 'p', '--dataset', '1', '--responses', responses, '--device', 'cpu')
  cli('reward', 'p', '--collection', '1', '--source', 'column', '--column', 'score')
  cli(...train)
  cli(...train, '--objective', 'as-published')
  cli(...train, '--objective', 'pref-ctrl', '--members', '4')

  await studio.answerDialog(join(folder, 'p'))
  await page.getByRole('button', { name: 'Open project' }).click()
  await go('Train')
  await expect(page.getByRole('heading', { name: 'column, Pref-CTRL, 4 of 1 x 32' })).toBeVisible()
  await expect(page.getByText('Spread of members')).toBeVisible()
  const table = page.getByRole('region', { name: 'Value functions compared' })
  await expect(table.getByRole('row')).toHaveCount(4)
  await page.getByLabel('Collection').selectOption({ index: 0 })
  await page.getByLabel('Objective').selectOption('pref-ctrl')
  await expect(page.getByText(/trains 50 epochs at a learning rate of 1e-5/)).toBeVisible()
  await expect(page.getByRole('main').getByRole('button', { name: 'Train', exact: true })).toBeDisabled() // no pairs are chosen yet
  await page.getByLabel('Chosen answers').selectOption('2')
  await page.getByLabel('Rejected answers').selectOption('3')
  await expect(page.getByRole('main').getByRole('button', { name: 'Train', exact: true })).toBeEnabled()

  await page.getByRole('button', { name: 'Show responses token by token' }).click()
  await expect(page.getByLabel('The response, each token on the value scale')).toBeVisible({ timeout: 60_000 })
  await page.getByText('Worst', { exact: true }).click()
  for (const [name, width, height] of [['wide', 1280, 800], ['narrow', 1024, 700]] as const) {
    await page.setViewportSize({ width, height })
    await page.getByRole('heading', { name: 'column, Pref-CTRL, 4 of 1 x 32' }).scrollIntoViewIfNeeded()
    await picture(`train-objectives-${name}`)
    await table.scrollIntoViewIfNeeded()
    await picture(`train-compared-${name}`)
  }
  await table.getByRole('button', { name: /^#2 / }).click()
  await expect(page.getByRole('button', { name: 'Show responses token by token' })).toBeVisible()
  expect(problems).toEqual([])
})
