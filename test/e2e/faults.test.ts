/** What goes wrong in the window: said clearly, and nothing lost. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from './studio.ts'

test('a model process that is killed while collecting is replaced, and no response is lost or doubled', async ({ studio }) => {
  const { page, go } = studio
  await studio.openSample()
  await go('Collect')
  await page.getByLabel('Limit, prompts').fill('20')
  await page.getByLabel('Max tokens').fill('12')
  await page.getByRole('button', { name: 'Start collecting' }).click()
  await expect(page.getByText(/tokens\/s/).first()).toBeVisible({ timeout: 60_000 })

  const [pid] = await studio.modelHosts()
  expect(pid).toBeDefined()
  process.kill(pid as number, 'SIGKILL')
  await expect(page.getByText(/model's process .* starting it again/i).first()).toBeVisible()
  await studio.picture('20-model-host-killed')

  const job = page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: /Collect/ }).first()
  await expect(job).toContainText('Done', { timeout: 240_000 })
  const [collection] = await page.evaluate(() => [document.body.innerText.match(/(\d+) (?:of \d+ )?responses/)?.[1]])
  expect(Number(collection)).toBe(20)
})

test('files that cannot be used are refused in one clear sentence', async ({ studio }) => {
  const { page, go, folder } = studio
  await studio.openSample()

  const text = join(folder, 'letter.gguf')
  writeFileSync(text, 'Dear model,')
  await go('Model')
  await studio.answerDialog(text)
  await page.getByRole('button', { name: 'Choose a GGUF file' }).click()
  await expect(page.getByText(/not usable as a model: it does not begin like a GGUF file/).first()).toBeVisible()
  await studio.picture('21-not-a-model')

  const empty = join(folder, 'empty.jsonl')
  writeFileSync(empty, '')
  await go('Data')
  await studio.answerDialog(empty)
  await page.getByRole('button', { name: 'Import a data set' }).click()
  await expect(page.getByText(/empty\.jsonl is empty/).first()).toBeVisible()
  expect(readFileSync(text, 'utf8')).toBe('Dear model,')
})

test('broken rows are reported with their lines, the others are in', async ({ studio }) => {
  const { page, go, folder } = studio
  await studio.openSample()
  const file = join(folder, 'mixed.jsonl')
  writeFileSync(file, '{"prompt": "One good row"}\n{broken\n{"prompt": 7}\n{"prompt": "Another good row"}\n')
  await go('Data')
  await studio.answerDialog(file)
  await page.getByRole('button', { name: 'Import a data set' }).click()
  await expect(page.getByText('One good row').first()).toBeVisible()
  await studio.picture('22-import-preview')
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByText('Rejected rows 2').click()
  await expect(page.getByText(/it is not JSON/).first()).toBeVisible()
  await studio.picture('23-rejected-rows')
})

test('a damaged project is not opened, and a backup brings it back', async ({ studio }) => {
  const { page, folder } = studio
  await studio.openSample()
  await page.getByRole('button', { name: /^Project/ }).first().click()
  await page.getByRole('menuitem', { name: 'Back up the project' }).click()
  await expect(page.getByText(/Backed up as .*request\.db/)).toBeVisible()
  await page.getByRole('button', { name: /^Project/ }).first().click()
  await page.getByRole('menuitem', { name: 'Close project' }).click()
  await expect(page.getByRole('region', { name: 'Recent' })).toBeVisible() // closed, the journal is in the file
  const file = join(folder, 'data', 're-control-studio', 'Sample project', 'project.db')
  const bytes = readFileSync(file)
  bytes.fill(0, 4096, 20_000)
  writeFileSync(file, bytes)

  await page.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
  const dialog = page.getByRole('dialog', { name: 'This project cannot be opened' })
  await expect(dialog.getByText(/is damaged .*nothing was changed/)).toBeVisible()
  await expect(dialog.getByRole('radio')).toHaveCount(1)
  await studio.picture('24-damaged-project')
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  expect(readFileSync(file).equals(bytes)).toBe(true)

  await page.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
  await dialog.getByRole('button', { name: 'Restore this backup' }).click()
  await studio.go('Data')
  await expect(page.getByText('248 train')).toBeVisible()
})

test('a damaged project without a backup is salvaged into a new one beside it', async ({ studio }) => {
  const { page, folder } = studio
  await studio.openSample()
  await page.getByRole('button', { name: /^Project/ }).first().click()
  await page.getByRole('menuitem', { name: 'Close project' }).click()
  await expect(page.getByRole('region', { name: 'Recent' })).toBeVisible()
  const file = join(folder, 'data', 're-control-studio', 'Sample project', 'project.db')
  const bytes = readFileSync(file)
  const middle = Math.floor(bytes.length / 2 / 4096) * 4096
  bytes.fill(0xa5, middle, middle + 4096)
  writeFileSync(file, bytes)

  await page.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
  const dialog = page.getByRole('dialog', { name: 'This project cannot be opened' })
  await expect(dialog.getByText(/is damaged .*and there is no backup/)).toBeVisible()
  await studio.picture('24-damaged-without-backup')
  await dialog.getByRole('button', { name: 'Salvage what can be read' }).click()
  await expect(page.getByText(/rows were salvaged into .*Sample project \(salvaged\)\. (None was lost|Rows that were lost: .*at most \d+)/)).toBeVisible()
  await studio.picture('24-salvaged')
  await studio.go('Data')
  await expect(page.getByText(/^2\d\d train/).first()).toBeVisible()
  expect(readFileSync(file).equals(bytes)).toBe(true)
})

test('an engine that is killed comes back with the project, and its job can be resumed', async ({ studio }) => {
  const { page, go, app } = studio
  await studio.openSample()
  await go('Collect')
  await page.getByLabel('Limit, prompts').fill('8')
  await page.getByLabel('Max tokens').fill('12')
  await page.getByRole('button', { name: 'Start collecting' }).click()
  await expect(page.getByText(/tokens\/s/).first()).toBeVisible({ timeout: 60_000 })
  const [pid] = await app.evaluate(({ app: electron }) => electron.getAppMetrics().flatMap((process) => (process.name === 'RE-Control engine' ? [process.pid] : [])))
  process.kill(pid as number, 'SIGKILL')
  await expect(page.getByText(/The engine .*started again; finished work was kept/).first()).toBeVisible({ timeout: 30_000 })
  await studio.picture('25-engine-killed')
  const job = page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: /Collect/ }).first()
  await job.getByRole('button', { name: 'Resume' }).click()
  await expect(job).toContainText('Done', { timeout: 240_000 })
  expect(await page.evaluate(() => document.body.innerText.match(/(\d+) (?:of \d+ )?responses/)?.[1])).toBe('8')
})
