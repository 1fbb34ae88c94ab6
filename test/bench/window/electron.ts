/** Electron windows as the benchmark sees them: started bare of any driver, joined over the debugging port afterwards. */
import { chromium, type Page } from '@playwright/test'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..', '..', '..')

export interface OpenWindow {
  page: Page
  /** milliseconds since the epoch */
  started: number
  process: ChildProcess
  close(): Promise<void>
}

const patienceMs = 60_000

/**
 * @param app a folder with a package.json, or one script
 * @param profile Chromium's own data: the second start with one is a warm one
 */
export async function openWindow(app: string, profile: string, environment: Record<string, string>): Promise<OpenWindow> {
  const flags = [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--remote-debugging-port=0', `--user-data-dir=${profile}`]
  const env = Object.fromEntries(Object.entries({ ...process.env, ...environment }).filter(([name]) => name !== 'ELECTRON_RUN_AS_NODE'))
  const started = Date.now()
  const child = spawn(join(root, 'node_modules', 'electron', 'dist', 'electron'), [app, ...flags], { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = (): void => void child.kill('SIGKILL')
  process.once('exit', stop)
  try {
    const browser = await chromium.connectOverCDP(await address(child))
    const page = browser.contexts()[0]?.pages()[0] ?? (await browser.contexts()[0]?.waitForEvent('page', { timeout: patienceMs }))
    if (page === undefined) throw new Error('the app opened no window')
    return {
      page, started, process: child,
      close: async () => {
        await page.close().catch(() => {})
        const late = setTimeout(stop, 10_000)
        await ended
        clearTimeout(late)
        process.off('exit', stop)
      }
    }
  } catch (error) {
    stop()
    throw error
  }
}

/** What Chromium says once its port is open. */
function address(child: ChildProcess): Promise<string> {
  return new Promise((found, fail) => {
    let said = ''
    const late = setTimeout(() => fail(new Error(`the window did not open within ${patienceMs / 1000} s: ${said.slice(-300)}`)), patienceMs)
    child.stderr?.on('data', (piece: Buffer) => {
      said += piece
      const [, url] = /DevTools listening on (ws:\S+)/.exec(said) ?? []
      if (url === undefined) return
      clearTimeout(late)
      found(url)
    })
    child.once('exit', (code) => fail(new Error(`the app ended with ${code} before its window was open: ${said.slice(-300)}`)))
  })
}

/** Where there is no display, one of our own until the benchmark ends. */
export async function ensureDisplay(): Promise<void> {
  if (process.platform !== 'linux' || process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']) return
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1600x1100x24'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  process.once('exit', () => server.kill())
  server.unref()
  const number = await new Promise<string>((found, fail) => {
    server.once('error', () => fail(new Error('there is no display, and no Xvfb to make one')))
    server.stdio[3]?.once('data', (piece: Buffer) => found(piece.toString().trim()))
  })
  ;(server.stdio[3] as import('node:net').Socket | null)?.unref()
  process.env['DISPLAY'] = `:${number}`
}

/** CPU seconds that a process and all below it have taken so far; Linux only. */
export function cpuSeconds(pid: number): { all: number; byProcess: Map<number, { name: string; seconds: number }> } {
  const parents = new Map<number, number>()
  for (const line of execFileSync('ps', ['-eo', 'pid=,ppid=']).toString().trim().split('\n')) {
    const [child = 0, parent = 0] = line.trim().split(/\s+/).map(Number)
    parents.set(child, parent)
  }
  const isBelow = (one: number): boolean => one === pid || (parents.has(one) && parents.get(one) !== one && (parents.get(one) ?? 0) > 0 && isBelow(parents.get(one) ?? 0))
  const byProcess = new Map<number, { name: string; seconds: number }>()
  for (const one of [...parents.keys()].filter(isBelow)) {
    try {
      const fields = readFileSync(`/proc/${one}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
      const words = readFileSync(`/proc/${one}/cmdline`, 'utf8')
      const name = /--utility-sub-type=([\w.]+)/.exec(words)?.[1] ?? /--type=([\w-]+)/.exec(words)?.[1] ?? 'main'
      byProcess.set(one, { name, seconds: (Number(fields[11]) + Number(fields[12])) / 100 }) // the kernel's ticks are hundredths
    } catch {
      // it has ended meanwhile
    }
  }
  return { all: [...byProcess.values()].reduce((sum, { seconds }) => sum + seconds, 0), byProcess }
}
