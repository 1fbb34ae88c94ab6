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

  await page.getByRole('button', { name: 'Read the states' }).click()
  const learned = page.getByRole('region', { name: 'What it has learned' })
  await expect(learned.getByRole('row', { name: /^Unseen, 9 responses/ })).toBeVisible({ timeout: 60_000 })
  await expect(learned.getByRole('row', { name: /^V and reward, length held fixed/ })).toBeVisible()
  await learned.getByRole('button', { name: 'Read with the model' }).click()
  await expect(learned.getByRole('columnheader', { name: 'Suppressed' })).toBeVisible({ timeout: 60_000 })
  await expect(learned.getByRole('table').last().getByRole('row')).toHaveCount(21)
  await learned.getByText('Falls', { exact: true }).click()
  await expect(learned.getByText(/Reading the framed token lowered V most/)).toBeVisible()
  for (const [name, width, height] of [['wide', 1440, 900], ['narrow', 1024, 700]] as const) {
    await page.setViewportSize({ width, height })
    for (const [part, heading] of [['values', 'What it has learned'], ['contexts', 'Contexts in unseen responses'], ['tokens', 'Promoted and suppressed tokens']] as const) {
      await learned.getByRole('heading', { name: heading }).evaluate((element) => element.scrollIntoView({ block: 'start' }))
      await picture(`train-learned-${part}-${name}`)
    }
  }
  await learned.getByRole('button', { name: /^Open response/ }).first().click()
  await expect(page.getByRole('dialog').getByLabel('The response, each token on the value scale')).toBeVisible({ timeout: 60_000 })
  await picture('train-learned-response')
  await page.keyboard.press('Escape')
  await table.getByRole('button', { name: /^#2 / }).click()
  await expect(page.getByRole('button', { name: 'Read the states' })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Show responses token by token' })).toBeVisible()
  expect(problems).toEqual([])
})

test('a training with sample answers: its curves live, smoothed and on a log axis, the answers walked by epoch, and why its epoch is kept', async ({ studio }) => {
  const { page, go, picture, folder, problems } = studio
  const cli = (...args: string[]): void => {
    const own = { HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), XDG_DATA_HOME: join(folder, 'cli'), LOCALAPPDATA: join(folder, 'cache'), APPDATA: join(folder, 'cli') }
    execFileSync(electron, [entry, ...args], { cwd: folder, env: { ...process.env, ...own, ELECTRON_RUN_AS_NODE: '1' }, stdio: 'pipe' })
  }
  writeTinyModel(join(folder, 'tiny.gguf'))
  const rows = Array.from({ length: 40 }, (_, i) => ({ prompt: `Is ${words[i % 6]} number ${i}?`, score: Math.cos(i), split: i < 34 ? 'train' : 'held-out' }))
  writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  cli('project', 'new', 'p', '--model', 'tiny.gguf')
  cli('data', 'import', 'p', 'rows.jsonl')
  cli('collect', 'p', '--dataset', '1', '--max-tokens', '24', '--device', 'cpu')
  cli('reward', 'p', '--collection', '1', '--source', 'column', '--column', 'score')

  await studio.answerDialog(join(folder, 'p'))
  await page.getByRole('button', { name: 'Open project' }).click()
  await go('Train')
  await page.getByLabel('Hidden width').fill('32')
  await page.getByLabel('Learning rate').fill('0.001')
  await page.getByLabel('Epochs', { exact: true }).fill('400')
  await page.getByLabel('Patience').fill('0')
  await page.getByLabel('Sample answers').selectOption('every')
  await page.getByLabel('Every so many epochs').fill('20')
  await page.getByRole('main').getByRole('button', { name: 'Train', exact: true }).click()
  const answers = page.getByRole('region', { name: 'Sample answers' })
  await expect(page.getByText(/is kept: its return error on unseen responses/)).toBeVisible({ timeout: 120_000 })
  await expect(answers.getByText('kept', { exact: true })).toBeVisible()
  await page.getByLabel('Smoothing', { exact: true }).fill('0.9')
  await page.getByLabel('Log axis').check()
  for (const [name, width, height] of [['wide', 1280, 800], ['narrow', 1024, 700]] as const) {
    await page.setViewportSize({ width, height })
    await page.getByLabel('Log axis').scrollIntoViewIfNeeded()
    await picture(`train-smoothed-${name}`)
    await answers.scrollIntoViewIfNeeded()
    await picture(`train-samples-${name}`)
  }
  const epoch = answers.getByLabel('Epoch', { exact: true })
  const shown = await epoch.getAttribute('aria-valuetext')
  await epoch.focus()
  await epoch.press(((await epoch.inputValue()) === '0') ? 'ArrowRight' : 'ArrowLeft')
  await expect(epoch).not.toHaveAttribute('aria-valuetext', shown ?? '')
  expect(problems).toEqual([])
})
