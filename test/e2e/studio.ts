/** The built app in a real window, with an empty data directory of its own. */
import { _electron, expect, test as base, type ElectronApplication, type Page } from '@playwright/test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..', '..')
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
  /** A picture of the window as it stands; with RE_CONTROL_PICTURES=1 one in light and one in dark. Nothing is decided by them. */
  picture(name: string): Promise<void>
  /** Makes the window's content as large, and waits until the page is. */
  resize(width: number, height: number): Promise<void>
  /** Pictures at the usual and at the smallest size, at both of which the page must be no wider than the window. */
  bothSizes(name: string): Promise<void>
  /** What the next native dialog answers. */
  answerDialog(path: string): Promise<void>
  /** Where the next native dialog saves to. */
  answerSaveDialog(path: string): Promise<void>
  /** Drops a file of this machine on the stage. */
  drop(path: string, then?: () => Promise<void>): Promise<void>
  /** Process ids of the running model hosts. */
  modelHosts(): Promise<number[]>
}

export const test = base.extend<{ studio: Studio }>({
  // Playwright wants a destructured first argument
  // eslint-disable-next-line no-empty-pattern
  studio: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 're-control-e2e-'))
    mkdirSync(pictures, { recursive: true })
    const app = await launch(folder)
    let running = true
    app.once('close', () => (running = false))
    // a test may end while a job runs
    await app.evaluate(({ dialog }) => {
      dialog.showMessageBox = () => Promise.resolve({ response: 0, checkboxChecked: false })
    })
    const page = await app.firstWindow()
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    const go = (stage: string): Promise<void> => page.getByRole('navigation').getByRole('button', { name: new RegExp(`^${stage}`) }).click()
    const picture: Studio['picture'] = async (name) => {
      if (process.env['RE_CONTROL_PICTURES'] === undefined) return void (await page.screenshot({ path: join(pictures, `${name}.png`) }))
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await page.waitForTimeout(150) // charts take the new colours
        await page.screenshot({ path: join(pictures, `${name}.${colorScheme}.png`) })
      }
      await page.emulateMedia({ colorScheme: null })
    }
    const resize: Studio['resize'] = async (width, height) => {
      await app.evaluate(({ BrowserWindow }, size) => BrowserWindow.getAllWindows()[0]?.setContentSize(...size), [width, height] as [number, number])
      await page.waitForFunction(([across, down]) => window.innerWidth === across && window.innerHeight === down, [width, height] as const)
    }
    await use({
      app, page, folder, problems, go, picture, resize,
      bothSizes: async (name) => {
        for (const [width, height] of [[1280, 840], [1024, 700]] as const) {
          await resize(width, height)
          await picture(`${name}-${width}`)
          expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
        }
      },
      openSample: async () => {
        await page.getByRole('button', { name: 'Open the sample project' }).click()
        await go('Data')
        await expect(page.getByText('248 train')).toBeVisible()
      },
      answerDialog: (path) =>
        app.evaluate(({ dialog }, chosen) => {
          dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] })
        }, path),
      answerSaveDialog: (path) =>
        app.evaluate(({ dialog }, chosen) => {
          dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath: chosen })
        }, path),
      drop: async (path, then) => {
        // only a File that a person, or the driver, has chosen has a path
        await page.evaluate(() => {
          const input = document.createElement('input')
          input.type = 'file'
          input.id = 'dragged'
          input.hidden = true
          document.body.append(input)
        })
        await page.setInputFiles('#dragged', path)
        for (const type of ['dragenter', 'dragover', 'drop']) {
          if (type === 'drop') await then?.()
          await page.evaluate((name) => {
            const file = document.querySelector<HTMLInputElement>('#dragged')?.files?.[0]
            const dataTransfer = new DataTransfer()
            if (file !== undefined) dataTransfer.items.add(file)
            document.querySelector('main .content > *')?.dispatchEvent(new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true }))
          }, type)
        }
        await page.evaluate(() => document.querySelector('#dragged')?.remove())
      },
      modelHosts: () => app.evaluate(({ app: electron }) => electron.getAppMetrics().flatMap(({ name, pid }) => (name === 'RE-Control model host' ? [pid] : [])))
    })
    if (running) await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

export { expect }

/** The app with its data directory in `folder`; to be closed by the caller. */
export function launch(folder: string): Promise<ElectronApplication> {
  return _electron.launch({ cwd: root, args: ['.', ...flags(folder)], env: environment(folder) })
}

/** Chromium refuses root without --no-sandbox; what ships never passes it. */
export function flags(folder: string): string[] {
  return [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', `--user-data-dir=${join(folder, 'chromium')}`]
}

export function environment(folder: string): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name, value]) => name !== 'ELECTRON_RUN_AS_NODE' && value !== undefined)
  return { ...(Object.fromEntries(entries) as Record<string, string>), XDG_DATA_HOME: join(folder, 'data') }
}
