/** Processes of the real app that die, hang or are left behind: said clearly, nothing lost, nothing left over. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium, type Page } from '@playwright/test'
import { descendantsOf, processTable, stillThere, untilGone, type ProcessEntry } from '../fixtures/processes.ts'
import { startBare } from './bare.ts'
import { ask } from './port.ts'
import { expect, test, type Studio } from './studio.ts'
import { withModel } from './tiny-project.ts'

test.skip(process.platform !== 'linux', 'the process table is read from /proc')

const enginePid = ({ app }: Studio): Promise<number | undefined> => app.evaluate(({ app: electron }) => electron.getAppMetrics().find(({ name }) => name === 'RE-Control engine')?.pid)

async function killEngine(studio: Studio): Promise<void> {
  let pid: number | undefined
  await expect.poll(async () => (pid = await enginePid(studio))).toBeDefined()
  process.kill(pid as number, 'SIGKILL')
  await expect.poll(() => enginePid(studio)).not.toBe(pid)
}

const logOf = ({ folder }: Studio): string => readFileSync(join(folder, 'data', 're-control-studio', 'logs', 'studio.log'), 'utf8')

/** Requests to an engine that dies are never answered. */
const stateOf = (page: Page): Promise<unknown> => ask(page, 'studio.state', {}).then(({ output }) => output, () => null)

/** The app and all that belongs to it. */
function everything({ app }: Studio): ProcessEntry[] {
  const pid = app.process().pid as number
  return [...processTable().filter((one) => one.pid === pid), ...descendantsOf(pid)]
}

test('an engine that dies is started again with its project; the third time in a row the window stays, says why and can start it', async ({ studio }) => {
  const { page } = studio
  await withModel(studio)
  await page.reload()
  await expect(page.getByRole('navigation')).toBeVisible()
  await killEngine(studio)
  await expect(page.getByText(/The engine was killed by SIGKILL.*started again/)).toBeVisible()
  await expect.poll(() => stateOf(page)).toMatchObject({ project: { name: 'project' } })

  await killEngine(studio)
  await killEngine(studio)
  const dialog = page.getByRole('dialog', { name: 'The engine stopped' })
  await expect(dialog).toContainText(/was killed by SIGKILL.*third time in a row/)
  await expect(dialog).toContainText('engine given up')
  await studio.picture('24-engine-stopped')
  await dialog.getByRole('button', { name: 'Copy details' }).click()
  await expect(dialog.getByRole('button', { name: 'Copied' })).toBeVisible()
  expect(await studio.app.evaluate(({ clipboard }) => clipboard.readText())).toMatch(/the engine was killed by SIGKILL[^]*engine given up/)
  await page.keyboard.press('Escape')
  await expect(dialog).toBeVisible()

  await dialog.getByRole('button', { name: 'Start again' }).click()
  await expect(dialog).toBeHidden()
  await expect.poll(() => stateOf(page)).toMatchObject({ project: { name: 'project' } })
  await expect(page.getByRole('navigation')).toBeVisible()
  const log = logOf(studio)
  expect(log.match(/engine ended .*SIGKILL/g)).toHaveLength(3)
  expect(log).toContain('app started')
  expect(log).not.toContain(studio.folder)
})

test('an engine that dies takes its model host with it', async ({ studio }) => {
  await withModel(studio)
  const hosts = await studio.modelHosts()
  expect(hosts).not.toEqual([])
  const before = everything(studio).filter(({ pid }) => hosts.includes(pid))
  await killEngine(studio)
  await untilGone(before)
})

// started without Playwright, which would hold a page's second process back
test('a page that crashes is loaded again and connected', async () => {
  const folder = mkdtempSync(join(tmpdir(), 're-control-e2e-'))
  const { process: app, debuggingAddress } = await startBare(folder, ['--remote-debugging-port=0'])
  try {
    const renderer = (): ProcessEntry | undefined => descendantsOf(app.pid as number).find(({ command }) => command.includes('--type=renderer'))
    let first: ProcessEntry | undefined
    await expect.poll(() => (first = renderer())?.pid).toBeDefined()
    const browser = await chromium.connectOverCDP(debuggingAddress)
    await expect.poll(() => browser.contexts()[0]?.pages()[0]?.getByRole('button', { name: 'Open the sample project' }).isVisible()).toBe(true)
    await browser.close()
    process.kill((first as ProcessEntry).pid, 'SIGKILL')
    await expect.poll(() => renderer()?.pid).not.toBe(first?.pid)
    await expect.poll(() => renderer()?.pid).toBeDefined()
    const again = await chromium.connectOverCDP(debuggingAddress)
    await expect.poll(() => again.contexts()[0]?.pages()[0]?.getByRole('button', { name: 'Open the sample project' }).isVisible()).toBe(true)
    await again.close()
    expect(readFileSync(join(folder, 'data', 're-control-studio', 'logs', 'studio.log'), 'utf8')).toMatch(/warning window crashed .*killed/)
  } finally {
    const left = [...processTable().filter(({ pid }) => pid === app.pid), ...descendantsOf(app.pid as number)]
    app.kill('SIGTERM')
    await untilGone(left)
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a page in an endless loop is given up when its person says so; the engine goes on and has the project', async () => {
  const folder = mkdtempSync(join(tmpdir(), 're-control-e2e-'))
  const questions = join(folder, 'questions')
  process.env['RE_CONTROL_TEST_QUESTIONS'] = questions
  const { process: app, debuggingAddress } = await startBare(folder, ['--remote-debugging-port=0'], [], ['-r', resolve(import.meta.dirname, '..', 'fixtures', 'hanging-page.cjs')])
  try {
    const browser = await chromium.connectOverCDP(debuggingAddress)
    const [page] = browser.contexts()[0]!.pages()
    await page!.getByRole('button', { name: 'Open the sample project' }).click()
    await page!.getByRole('navigation').waitFor()
    const engine = descendantsOf(app.pid as number).find(({ command }) => command.includes('node.mojom.NodeService'))
    const renderer = descendantsOf(app.pid as number).find(({ command }) => command.includes('--type=renderer'))
    await page!.evaluate(() => void setTimeout(() => { for (;;); }))
    await browser.close()
    app.kill('SIGUSR2')
    await untilGone([renderer!])
    await expect.poll(() => descendantsOf(app.pid as number).some(({ command }) => command.includes('--type=renderer'))).toBe(true)
    const again = await chromium.connectOverCDP(debuggingAddress)
    await expect.poll(() => again.contexts()[0]?.pages()[0]?.getByRole('navigation').isVisible()).toBe(true)
    await again.close()
    expect(stillThere([engine!])).toHaveLength(1)
    expect(readFileSync(questions, 'utf8')).toBe('The page does not answer. Load it again / Wait\n')
  } finally {
    delete process.env['RE_CONTROL_TEST_QUESTIONS']
    const left = [...processTable().filter(({ pid }) => pid === app.pid), ...descendantsOf(app.pid as number)]
    app.kill('SIGTERM')
    await untilGone(left)
    rmSync(folder, { recursive: true, force: true })
  }
})

test('quitting ends everything, a model host that is stopped too', async ({ studio }) => {
  await withModel(studio)
  const before = everything(studio)
  const [host] = await studio.modelHosts()
  process.kill(host as number, 'SIGSTOP')
  await studio.app.close()
  await untilGone(before)
})
