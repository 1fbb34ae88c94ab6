/** One project, wanted by two windows, or by a window and a terminal: the second is told, and has it once the first has closed it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { openProject } from './screens.ts'
import { expect, launch, root, test } from './studio.ts'
import { terminalIn } from './terminal.ts'

const told = /the project is open in another window or terminal; close it there first/i

const filesOf = (directory: string): string[] => readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort().map((name) => `${name} ${statSync(join(directory, name)).size}`)

/** Resolves when it has the project open. */
async function holdOpen(project: string): Promise<ChildProcess> {
  const electron = createRequire(import.meta.url)('electron') as unknown as string
  const holder = spawn(electron, [resolve(root, 'test', 'engine', 'open-project.ts'), project], { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' }, stdio: ['pipe', 'pipe', 'ignore'] })
  await once(holder.stdout as NodeJS.ReadableStream, 'data')
  return holder
}

test('a second window, and a terminal beside a window, are told in words and write nothing; then they have it', async ({ studio }) => {
  const { folder, page } = studio
  const cli = terminalIn(folder)
  const project = join(folder, 'shared')
  cli('project', 'new', project)
  await openProject(studio, project)
  const before = filesOf(project)

  const otherFolder = join(folder, 'other') // another user's data folder: otherwise the first window would be shown instead
  mkdirSync(otherFolder)
  const other = await launch(otherFolder)
  try {
    const second = await other.firstWindow()
    await other.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] })
    }, project)
    await second.getByRole('button', { name: 'Open project' }).click()
    await expect(second.getByRole('alert').filter({ hasText: told })).toBeVisible()
    expect(() => cli('project', 'backup', project)).toThrow(told)
    expect(filesOf(project)).toEqual(before)

    await page.getByRole('button', { name: /^Project/ }).first().click()
    await page.getByRole('menuitem', { name: 'Close project' }).click()
    await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
    await second.getByRole('button', { name: 'Open project' }).click()
    await second.getByRole('navigation', { name: 'Stages' }).waitFor()
  } finally {
    await other.close()
  }
  const holder = await holdOpen(project)
  await page.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
  await expect(page.getByRole('alert').filter({ hasText: told })).toBeVisible()
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  await page.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
  await page.getByRole('navigation', { name: 'Stages' }).waitFor()
})
