/** The window around the stages: quitting with a job, coming back, deletions that wait, projects that are gone. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeFullProject } from './full-project.ts'
import { openProject } from './screens.ts'
import { expect, launch, test } from './studio.ts'

test('quitting asks while a job runs; what was deleted before is then deleted; the window comes back where it was', async ({ studio }) => {
  const { app, page, folder, go } = studio
  const project = makeFullProject(folder)
  await openProject(studio, project)
  await app.evaluate(({ BrowserWindow, dialog }) => {
    BrowserWindow.getAllWindows()[0]?.setBounds({ x: 40, y: 50, width: 1000, height: 720 })
    const state = { asked: 0, answer: 1 }
    Object.assign(globalThis, { quitting: state })
    dialog.showMessageBox = () => {
      state.asked += 1
      return Promise.resolve({ response: state.answer, checkboxChecked: false })
    }
  })
  const asked = (): Promise<number> => app.evaluate(() => (globalThis as unknown as { quitting: { asked: number } }).quitting.asked)

  await go('Collect')
  await page.getByLabel('Samples each').fill('64')
  await page.getByLabel('Max tokens').fill('1900')
  await page.getByRole('button', { name: 'Start collecting' }).click()
  await expect(page.getByRole('button', { name: 'Pause', exact: true })).toBeVisible()
  await go('Evaluate')
  await page.getByRole('button', { name: 'Delete evaluation #1' }).click()
  await expect(page.getByRole('button', { name: 'Undo' })).toBeVisible()

  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close())
  await expect.poll(asked).toBe(1)
  await expect(page.getByRole('heading', { name: 'Evaluate', level: 1 })).toBeVisible() // "Stay" stays

  await app.evaluate(() => {
    (globalThis as unknown as { quitting: { answer: number } }).quitting.answer = 0
  })
  const ended = new Promise((resolve) => app.process().once('exit', resolve))
  await app.evaluate(({ app: electron }) => setImmediate(() => electron.quit()))
  await ended

  const again = await launch(folder)
  try {
    await again.evaluate(({ dialog }) => {
      dialog.showMessageBox = () => Promise.resolve({ response: 0, checkboxChecked: false })
    })
    const window = await again.firstWindow()
    await window.getByRole('button', { name: /^Full project/ }).click()
    await expect(window.getByRole('heading', { name: 'Evaluate', level: 1 })).toBeVisible() // the stage that was in front
    await expect(window.getByText('None yet. An evaluation answers')).toBeVisible()
    await expect(window.getByRole('region', { name: 'Jobs' }).getByRole('button', { name: 'Resume' })).toBeVisible()
    const { width, height } = await again.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.getBounds())
    expect([width, height]).toEqual([1000, 720])
  } finally {
    await again.close()
  }
})

test('a project that is gone is shown so in the list, and can be taken out of it; the menu reaches the page', async ({ studio }) => {
  const { app, page, folder, answerDialog } = studio
  await answerDialog(join(folder, 'short-lived'))
  await page.getByRole('button', { name: 'New project' }).click()
  await page.getByRole('navigation').waitFor()
  rmSync(join(folder, 'short-lived'), { recursive: true })
  const choose = (label: string): Promise<void> => app.evaluate(({ Menu }, name) => Menu.getApplicationMenu()?.items.flatMap(({ submenu }) => submenu?.items ?? []).find((item) => item.label === name)?.click(), label)
  await choose('Close project')
  const gone = page.getByRole('button', { name: /^short-lived/ })
  await expect(gone).toBeDisabled()
  await expect(gone).toContainText('not there any more')
  await studio.picture('13-gone')
  await page.getByRole('button', { name: 'Remove short-lived from this list' }).click()
  await expect(gone).toBeHidden()
  await choose('Keyboard shortcuts')
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
})
