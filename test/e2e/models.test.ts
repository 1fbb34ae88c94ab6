/** The model stage: a queue of downloads from a hub of our own, the list of models on this machine, a file that is dropped. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { commit, type Hub } from '../fixtures/hub.ts'
import { writeSplitModel, writeTinyModel } from '../fixtures/tiny-model.ts'
import { withHub } from './hub.ts'
import { expect, test } from './studio.ts'

let hub: Hub
let cache: string
withHub((opened, directory) => {
  hub = opened
  cache = directory
})

test('models are downloaded, paused, resumed and refused, listed with their fit, dropped and deleted', async ({ studio }) => {
  const { page, go, folder, problems, answerDialog } = studio
  const file = join(folder, 'made.gguf')
  writeTinyModel(file)
  const content = readFileSync(file)
  for (const name of ['tiny-Q4_0.gguf', 'tiny-Q8_0.gguf', 'torn-F16-00001-of-00002.gguf']) hub.files.set(name, content)
  for (const part of writeSplitModel(join(folder, 'tiny-F32'), 2, { seed: 3 })) hub.files.set(basename(part), readFileSync(part))
  const directory = join(folder, 'project')
  mkdirSync(directory)
  await answerDialog(directory)
  await page.getByRole('button', { name: 'New project' }).click()
  await go('Model')
  await studio.bothSizes('70-model-empty')
  expect(hub.requests).toEqual([]) // nobody asked for anything yet
  const backends = page.getByRole('list', { name: 'GPU backends' }).getByRole('listitem')
  if (process.platform === 'linux' && process.arch === 'x64') await expect(backends).toHaveText([/^CUDA 13.*Part of this installation/, /^CUDA 12.*Part of this installation/, /^Vulkan.*Part of this installation/])

  await test.step('a model of the hub is listed', async () => {
    await page.getByText('Hugging Face', { exact: true }).click()
    await page.getByRole('textbox', { name: 'Model' }).fill(`${hub.url}/o/n/blob/main/tiny-Q4_0.gguf?download=true`)
    await page.keyboard.press('Enter')
    await expect(page.getByRole('cell', { name: 'Q8_0', exact: true })).toBeVisible()
    await expect(page.getByText('The hub lacks torn-F16-00002-of-00002.gguf.')).toBeVisible()
    await expect(page.getByText('2 files, downloaded as one')).toHaveCount(1)
    expect(await page.locator('tbody tr').first().textContent()).toContain('tiny-Q4_0.gguf') // which was pasted
    await studio.bothSizes('71-hub-model')
  })

  const queue = page.getByRole('list', { name: 'Downloads' })
  await test.step('a download pauses and goes on from there; another fails and is tried again', async () => {
    const half = Math.floor(content.length / 2)
    hub.download = (request, response) => {
      if (request.url?.includes('Q8_0') === true) response.writeHead(200, { 'content-type': 'text/html', 'content-length': 6 }).end('<html>')
      else {
        response.writeHead(200, { etag: '"1"', 'content-length': content.length })
        response.write(content.subarray(0, half))
      }
      return true
    }
    await page.getByRole('button', { name: 'Download tiny-Q4_0.gguf' }).click()
    await expect(queue.getByRole('button', { name: /^Pause/ })).toBeVisible()
    await page.getByRole('button', { name: 'Download tiny-Q8_0.gguf' }).click()
    await expect(queue.getByRole('alert').filter({ hasText: 'a page and no file' })).toBeVisible()
    await studio.bothSizes('72-queue-busy-failed')
    await queue.getByRole('button', { name: /^Pause/ }).click()
    await expect(queue.getByText('Paused')).toBeVisible()
    await studio.bothSizes('73-queue-paused')

    hub.download = (request, response) => {
      if (request.headers.range !== `bytes=${half}-` || request.headers['if-range'] !== '"1"') return false
      response.writeHead(206, { etag: '"1"', 'content-range': `bytes ${half}-${content.length - 1}/${content.length}` }).end(content.subarray(half))
      return true
    }
    await page.getByRole('button', { name: 'Resume all' }).click()
    await expect(queue.getByText('Here, checked')).toHaveCount(2)
    expect(hub.requests.filter(({ range }) => range === `bytes=${half}-`)).toHaveLength(1)
  })

  await test.step('a model in two files is one download', async () => {
    hub.download = () => false
    await page.getByRole('checkbox', { name: 'Use it in this project' }).uncheck()
    await page.getByRole('button', { name: 'Download tiny-F32-00001-of-00002.gguf' }).click()
    await expect(queue.getByText('o/n: tiny-F32.gguf, 2 files')).toBeVisible()
    await expect(queue.getByText('Here, checked')).toHaveCount(3)
  })

  await test.step('the project uses what it waited for', async () => {
    await page.getByText("This project's model", { exact: true }).first().click()
    await expect(page.getByText('Tiny random llama').first()).toBeVisible()
    await page.getByRole('button', { name: 'Compute it' }).click()
    await expect(page.getByText(/^[0-9a-f]{64}$/)).toBeVisible()
    await studio.bothSizes('74-model-downloaded')
  })

  const shelf = join(folder, 'shelf')
  await test.step('a folder of models, with badges', async () => {
    mkdirSync(join(shelf, 'small'), { recursive: true })
    writeTinyModel(join(shelf, 'small', 'other.gguf'), { seed: 2 })
    writeFileSync(join(shelf, 'letter.gguf'), 'Dear model,')
    await page.getByText('On this computer', { exact: true }).click()
    await answerDialog(shelf)
    await page.getByRole('button', { name: 'Add a folder' }).click()
    await expect(page.getByText('It does not begin like a GGUF file.')).toBeVisible()
    await expect(page.getByText(/^Fits, on/)).toHaveCount(4)
    await expect(page.getByText('in 2 files')).toBeVisible()
    await studio.bothSizes('75-library')
  })

  await test.step('a deleted model can be taken back; one that is in use is not deleted', async () => {
    const place = join(cache, 're-control-studio', 'models', 'hub', 'o', 'n', commit)
    const names = ['tiny-Q4_0.gguf', 'tiny-Q8_0.gguf']
    const free = names.find((name) => existsSync(join(place, name))) ?? ''
    const bins = page.getByRole('list', { name: 'Downloaded models' }).getByRole('button', { name: /^Delete/ })
    await expect(bins).toHaveCount(3)
    expect(await bins.evaluateAll((all) => all.filter((one) => (one as HTMLButtonElement).disabled).length)).toBe(1)
    const bin = page.getByRole('list', { name: 'Downloaded models' }).locator('button[aria-label^="Delete"]:not([disabled])')
    await bin.first().click()
    await expect(bins).toHaveCount(2)
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(bins).toHaveCount(3)
    expect(existsSync(join(place, free))).toBe(true)
  })

  await test.step('a file that is dropped is used', async () => {
    await studio.drop(join(shelf, 'small', 'other.gguf'), () => studio.picture('76-model-drop'))
    await expect(page.getByText(join(shelf, 'small', 'other.gguf')).first()).toBeVisible()
    await studio.drop(join(shelf, 'letter.gguf'))
    await expect(page.getByText(/not usable as a model/).first()).toBeVisible()
  })
  expect(problems).toEqual([])
})
