/** The built app in a real window, with an empty data directory of its own. */
import { _electron, expect, test as base, type ElectronApplication, type Page } from '@playwright/test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..', '..')
const pictures = join(root, 'test-results', 'screenshots')

export interface Studio {
  app: ElectronApplication
  page: Page
  /** a folder that goes away after the test */
  folder: string
  /** errors that the page threw or logged */
  problems: string[]
  /** Opens the sample project and shows its data. */
  openSample(): Promise<void>
  /** Stage by its name in the rail. */
  go(stage: string): Promise<void>
  /** A picture in light and one in dark. */
  picture(name: string): Promise<void>
  /** What the next native dialog answers. */
  answerDialog(path: string): Promise<void>
  /** Process ids of the running model hosts. */
  modelHosts(): Promise<number[]>
}

export const test = base.extend<{ studio: Studio }>({
  // Playwright wants a destructured first argument
  // eslint-disable-next-line no-empty-pattern
  studio: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 're-control-e2e-'))
    mkdirSync(pictures, { recursive: true })
    // Chromium refuses root without --no-sandbox; what ships never passes it
    const flags = [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', `--user-data-dir=${join(folder, 'chromium')}`]
    const app = await _electron.launch({ cwd: root, args: ['.', ...flags], env: { ...environment(), XDG_DATA_HOME: join(folder, 'data') } })
    const page = await app.firstWindow()
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    const go = (stage: string): Promise<void> => page.getByRole('navigation').getByRole('button', { name: new RegExp(`^${stage}`) }).click()
    await use({
      app, page, folder, problems, go,
      openSample: async () => {
        await page.getByRole('button', { name: 'Open the sample project' }).click()
        await go('Data')
        await expect(page.getByText('248 train')).toBeVisible()
      },
      picture: async (name) => {
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          await page.waitForTimeout(150) // charts take the new colours
          await page.screenshot({ path: join(pictures, `${name}.${colorScheme}.png`) })
        }
        await page.emulateMedia({ colorScheme: null })
      },
      answerDialog: (path) =>
        app.evaluate(({ dialog }, chosen) => {
          dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] })
        }, path),
      modelHosts: () => app.evaluate(({ app: electron }) => electron.getAppMetrics().flatMap(({ name, pid }) => (name === 'RE-Control model host' ? [pid] : [])))
    })
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

export { expect }

function environment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name, value]) => name !== 'ELECTRON_RUN_AS_NODE' && value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}
