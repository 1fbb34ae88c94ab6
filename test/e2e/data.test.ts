/** The data stage with files of one's own: preview, import, search, filters, detail, export, deletion. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sendFile, type Hub } from '../fixtures/hub.ts'
import { withHub } from './hub.ts'
import { expect, test, type Studio } from './studio.ts'

const topics = ['garden', 'engine', 'recipe', 'journey', 'music']
const monster = 'x'.repeat(100_000)

/** 60 pairs under names of its own; the first row's prompt gives its answer away, the third has a formula and a line break. */
function pairs(): string {
  const rows = Array.from({ length: 60 }, (_, i) => {
    const topic = topics[i % topics.length] ?? ''
    const good = `A calm answer number ${i} about the ${topic}, with one more thing to try.`
    const question = i === 0 ? `What would you say? Perhaps: ${good}` : `Question ${i} about a ${topic}${i === 2 ? ',\nin two lines' : ''}?`
    return [question, good, `A rude answer number ${i} about the ${topic}.`, i === 2 ? '=SUM(A1:A9)' : String(i)]
  })
  return [['question', 'good', 'bad', 'note'], ...rows].map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\n')
}

function prompts(): string {
  const good = ['One good row', 'Twice the same', 'Twice the same', '<img src=x onerror="window.__hit=1"> is text', 'שלום עולם, זה משפט מימין לשמאל', 'Families 👩‍👩‍👧 and flags 🏳️‍🌈', monster]
  return [...good.map((prompt) => JSON.stringify({ prompt })), '{broken', '{"prompt": 7}'].join('\n')
}

/** Without a model. */
async function newProject({ page, go, folder, answerDialog }: Studio): Promise<void> {
  const directory = join(folder, 'project')
  mkdirSync(directory)
  await answerDialog(directory)
  await page.getByRole('button', { name: 'New project' }).click()
  await go('Data')
}

const finished = ({ page }: Studio, title: RegExp) => expect(page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: title }).first()).toContainText('Done')

test('a CSV file with columns of its own, from the preview to an export', async ({ studio }) => {
  const { page, folder, problems } = studio
  await newProject(studio)
  await studio.bothSizes('40-data-empty')

  const csv = join(folder, 'pairs.csv')
  writeFileSync(csv, pairs())
  await test.step('the preview, and columns under other names', async () => {
    await studio.drop(csv, () => studio.picture('41-data-drop'))
    await page.getByLabel('Format').selectOption({ label: 'Prompt, chosen, rejected' })
    await expect(page.getByText('No row could be read this way')).toBeVisible()
    await studio.bothSizes('42-preview-unmapped')
    await page.getByLabel('Prompt', { exact: true }).selectOption('question')
    await page.getByLabel('Chosen', { exact: true }).selectOption('good')
    await page.getByLabel('Rejected', { exact: true }).selectOption('bad')
    const rows = page.getByRole('listbox', { name: 'First rows' })
    await expect(rows.getByRole('option').first()).toContainText('What would you say?')
    await expect(page.getByText('1 row with a warning')).toBeVisible()
    await expect(page.getByText('The project has no model yet')).toBeVisible()
    await studio.bothSizes('43-preview')
    await rows.press('ArrowDown')
    await expect(page.getByRole('region', { name: 'The selected row' })).toContainText('Question 1 about a engine?')
  })

  await test.step('the examples', async () => {
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await finished(studio, /Import pairs/)
    await expect(page.getByText('60 found')).toBeVisible()
    await expect(page.getByRole('region', { name: 'The selected example' })).toContainText('calm')
    await studio.bothSizes('44-examples')
  })

  await test.step('words and filters narrow them down, and can be taken away', async () => {
    await page.getByRole('searchbox').fill('gard')
    await expect(page.getByText('12 found')).toBeVisible()
    await page.getByRole('button', { name: /^Filter/ }).click()
    await page.getByLabel('Split').selectOption('Held out')
    await expect(page.getByText('12 found')).toBeHidden()
    await studio.picture('45-filters')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Remove the filter held out' }).click()
    await expect(page.getByText('12 found')).toBeVisible()
    await page.getByRole('searchbox').fill('nowhere')
    await expect(page.getByText('No example has these words')).toBeVisible()
    await studio.bothSizes('46-none-found')
    await page.getByRole('button', { name: 'Clear search and filters' }).click()
    await expect(page.getByText('60 found')).toBeVisible()
    await page.getByLabel('Order').selectOption('Longest first')
    await expect(page.getByRole('listbox', { name: 'Examples' }).getByRole('option').first()).toContainText('What would you say?')
  })

  await test.step('what was found is exported', async () => {
    await page.getByRole('searchbox').fill('"about a recipe"')
    await expect(page.getByText('12 found')).toBeVisible()
    const file = join(folder, 'found.csv')
    await studio.answerSaveDialog(file)
    await page.getByRole('button', { name: 'Export' }).click()
    await page.getByLabel('Format').selectOption('CSV')
    await studio.picture('47-export')
    await page.getByRole('button', { name: 'Choose the file' }).click()
    await finished(studio, /Export/)
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('Question 2 about a recipe')
    expect(text).not.toContain('Question 1 about')
    expect(text).not.toContain('"=SUM') // no spreadsheet runs it
  })
  expect(problems).toEqual([])
})

test('rows that cannot be used and texts that are hard to show', async ({ studio }) => {
  const { page, go, folder, problems } = studio
  await studio.openSample()
  const file = join(folder, 'hard.jsonl')
  writeFileSync(file, prompts())
  await go('Data')
  await studio.answerDialog(file)
  await page.getByRole('button', { name: 'Import a data set' }).click()
  await expect(page.getByRole('listbox', { name: 'First rows' })).toContainText('One good row')
  await page.getByText('Cannot be used 2').click()
  await studio.bothSizes('50-preview-rejected')
  await page.getByText('First rows 7').click()
  await page.getByRole('button', { name: 'Show as the model gets it' }).click()
  await expect(page.getByText('<|user|>')).toBeVisible({ timeout: 60_000 })
  await studio.bothSizes('51-preview-as-the-model')

  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await finished(studio, /Import hard/)
  const list = page.getByRole('listbox', { name: 'Examples' })
  const detail = page.getByRole('region', { name: 'The selected example' })
  await list.press('Home')
  for (const [i, words] of ['One good row', 'Twice', 'Twice', '<img', 'שלום', 'Families', 'xxxx'].entries()) {
    if (i > 0) await list.press('ArrowDown')
    await expect(detail).toContainText(words)
    if (i >= 2) await studio.picture(`52-hard-${i}`)
  }
  await expect(detail.getByText('20,000 of 100,000 characters')).toBeVisible()
  expect(await page.evaluate(() => (window as { __hit?: number }).__hit)).toBeUndefined()

  await list.press('Home')
  await list.press('ArrowDown')
  await list.press('ArrowDown')
  await detail.getByRole('button', { name: 'Repeats line 2' }).click()
  await expect(detail.getByRole('heading', { name: 'Line 2' })).toBeVisible()

  await page.getByText('Rejected rows 2').click()
  await expect(page.getByRole('listbox', { name: 'Rejected rows' })).toContainText('it is not JSON')
  await studio.bothSizes('53-rejected')
  const rejected = join(folder, 'rejected.jsonl')
  await studio.answerSaveDialog(rejected)
  await page.getByRole('button', { name: 'Export' }).click()
  await page.getByRole('button', { name: 'Choose the file' }).click()
  await finished(studio, /Export/)
  expect(readFileSync(rejected, 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([8, 9])

  const messages = page.getByRole('region', { name: 'Messages' })
  await page.getByRole('button', { name: 'Delete hard' }).click()
  await expect(page.getByRole('button', { name: /^hard/ })).toBeHidden()
  await studio.bothSizes('54-delete')
  await messages.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('button', { name: /^hard/ }).click()
  await page.getByRole('button', { name: 'Delete hard' }).press('Enter')
  await expect(page.getByRole('button', { name: /^hard/ })).toBeHidden()
  await expect(page.getByText('248 train')).toBeVisible()
  expect(problems).toEqual([])
})

test('a file that cannot be read, and a data set that the hub does not have', async ({ studio }) => {
  const { page, go, folder } = studio
  await studio.openSample()
  const empty = join(folder, 'empty.csv')
  writeFileSync(empty, '')
  await go('Data')
  await studio.answerDialog(empty)
  await page.getByRole('button', { name: 'Import a data set' }).click()
  await expect(page.getByText(/empty\.csv is empty/)).toBeVisible()
  await studio.bothSizes('60-unreadable')
  await page.getByRole('button', { name: 'Cancel' }).click()

  await page.getByRole('button', { name: 'From the hub' }).click()
  await studio.picture('61-hub')
  await page.getByLabel('Data set').fill('not a name')
  await page.keyboard.press('Enter')
  await expect(page.getByText('The hub gave no list of files')).toBeVisible()
  await studio.bothSizes('62-hub-failed')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByText('320 found')).toBeVisible()
})

test.describe('a data set of the hub', () => {
  let hub: Hub
  withHub((opened) => (hub = opened))

  test('is listed, fetched and previewed; a fetch that fails can be tried again', async ({ studio }) => {
    const { page } = studio
    hub.files.set('data/train.csv', Buffer.from(pairs()))
    hub.files.set('data/test.jsonl', Buffer.from(prompts()))
    hub.files.set('README.md', Buffer.from('# About'))
    await newProject(studio)
    await page.getByRole('button', { name: 'From the Hugging Face hub' }).click()
    await page.getByLabel('Data set').fill('o/n')
    await page.keyboard.press('Enter')
    await page.getByRole('option', { name: /train\.csv/ }).click()
    await studio.bothSizes('64-hub-files')

    hub.download = (_request, response) => {
      response.writeHead(403).end()
      return true
    }
    const fetch = page.getByRole('button', { name: /^Fetch/ })
    await fetch.click()
    await expect(page.getByRole('alert').filter({ hasText: 'private, gated or not there' })).toBeVisible()
    await studio.bothSizes('65-hub-fetch-failed')

    let release: () => void = () => {}
    hub.download = (request, response, content) => {
      release = () => sendFile(request, response, content)
      return true
    }
    await fetch.click()
    await expect(page.getByRole('progressbar', { name: 'Fetching' })).toBeVisible()
    await studio.bothSizes('66-hub-fetching')
    release()
    await page.getByLabel('Format').selectOption({ label: 'Prompt, chosen, rejected' })
    await page.getByLabel('Prompt', { exact: true }).selectOption('question')
    await page.getByLabel('Chosen', { exact: true }).selectOption('good')
    await page.getByLabel('Rejected', { exact: true }).selectOption('bad')
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await expect(page.getByText('60 found')).toBeVisible()

    await page.getByRole('button', { name: 'From the hub' }).click()
    await page.getByRole('button', { name: 'List its files' }).click()
    await page.getByRole('option', { name: /train\.csv.*yes, checked/ }).click()
    await page.getByRole('button', { name: 'Preview' }).click()
    await expect(page.getByRole('heading', { name: 'Import train.csv' })).toBeVisible()
  })
})

test('a list longer than an element can be high is scrolled to its last row, and by a wheel row by row', async ({ studio }) => {
  const { page, folder } = studio
  const rows = 270_000 // of 32 pixels: above ui/scaled-scroll's limit
  const file = join(folder, 'long.jsonl')
  writeFileSync(file, Array.from({ length: rows }, (_, i) => `{"prompt":"p${i + 1}"}`).join('\n'))
  await newProject(studio)
  await studio.answerDialog(file)
  await page.getByRole('button', { name: 'Import a data set' }).click()
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByText('270,000 found')).toBeVisible({ timeout: 240_000 })

  const list = page.getByRole('listbox', { name: 'Examples' })
  const first = async (): Promise<number> => Number((await list.getByRole('option').first().getAttribute('aria-posinset')) ?? 0)
  await list.evaluate((box) => (box.scrollTop = box.scrollHeight))
  await expect(list.getByRole('option').last()).toContainText(`p${rows}`)
  await list.evaluate((box) => (box.scrollTop = box.scrollHeight / 2))
  await expect(list.getByRole('option').first()).toContainText(/p1349\d\d|p1350\d\d/)
  const before = await first()
  await list.hover()
  await page.mouse.wheel(0, 320)
  await expect.poll(first).toBe(before + 10)
  await list.press('End')
  await expect(page.getByRole('region', { name: 'The selected example' })).toContainText(`p${rows}`)
  await list.press('Home')
  await expect(list.getByRole('option').first()).toContainText('p1')
  await studio.picture('63-long')
})
