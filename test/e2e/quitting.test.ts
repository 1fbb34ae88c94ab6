/** What the question before the end counts: a download that runs, with the bar on the task bar; and the key of a new project. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hub } from '../fixtures/hub.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { withHub } from './hub.ts'
import { expect, test } from './studio.ts'

let hub: Hub
withHub((opened) => (hub = opened))

interface Seen {
  questions: string[]
  bar: number
}

test('a running download is asked about before the end, shown on the task bar, and goes on when its person stays', async ({ studio }) => {
  const { app, page, go, folder, answerDialog, problems } = studio
  const file = join(folder, 'made.gguf')
  writeTinyModel(file)
  const content = readFileSync(file)
  hub.files.set('tiny-Q4_0.gguf', content)
  const half = Math.floor(content.length / 2)
  hub.download = (_request, response) => {
    response.writeHead(200, { etag: '"1"', 'content-length': content.length })
    response.write(content.subarray(0, half))
    let at = half // and a little more, again and again: the queue tells only of what comes
    const drip = setInterval(() => response.write(content.subarray(at, ++at)), 100)
    response.on('close', () => clearInterval(drip))
    return true
  }
  await app.evaluate(({ BrowserWindow, dialog }) => {
    const seen: Seen = { questions: [], bar: -1 }
    Object.assign(globalThis, { seen })
    const window = BrowserWindow.getAllWindows()[0] as Electron.BrowserWindow
    window.setProgressBar = (share) => void (seen.bar = share)
    dialog.showMessageBox = (...given: unknown[]) => {
      const { message, detail = '' } = given.at(-1) as Electron.MessageBoxOptions
      seen.questions.push(`${message} ${detail}`)
      return Promise.resolve({ response: 1, checkboxChecked: false })
    }
  })
  const seen = (): Promise<Seen> => app.evaluate(() => (globalThis as unknown as { seen: Seen }).seen)
  const quit = (): Promise<void> => app.evaluate(({ app: electron }) => electron.quit())

  const directory = join(folder, 'project')
  mkdirSync(directory)
  await answerDialog(directory)
  await page.keyboard.press('Control+n') // a new conversation, where there is a chat
  await expect(page.getByRole('button', { name: 'New project' })).toBeVisible()
  await page.keyboard.press('Control+Shift+N')
  await go('Model')
  await page.getByText('Hugging Face', { exact: true }).click()
  await page.getByRole('textbox', { name: 'Model' }).fill(`${hub.url}/o/n/tree/main`)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: /^Download/ }).first().click()
  await expect.poll(async () => Math.round((await seen()).bar * 10)).toBe(5)

  await quit()
  await expect.poll(async () => (await seen()).questions).toEqual(['A download is still running. Downloads are paused and go on from there when you resume them. Nothing that is finished is lost.'])
  const queue = page.getByRole('list', { name: 'Downloads' })
  await queue.getByRole('button', { name: /^Pause/ }).click()
  await expect.poll(async () => (await seen()).bar).toBe(-1)
  await app.evaluate(({ dialog }) => {
    dialog.showMessageBox = () => Promise.resolve({ response: 0, checkboxChecked: false })
  })
  expect(problems).toEqual([])
})
