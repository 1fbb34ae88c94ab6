/** The real window: how soon it can be used, its frames while tokens stream and rows scroll, and what it takes at rest. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { max, median, quantile } from 'simple-statistics'
import { addRecent } from '../../../src-main/engine/project/recent.ts'
import { Project } from '../../../src-main/engine/project/project.ts'
import { writeTinyModel } from '../../fixtures/tiny-model.ts'
import { interleave } from '../interleave.ts'
import type { Measurement, PartResult } from '../result.ts'
import { searchProject } from '../search-project.ts'
import { leastRepetitions, ratios, spreadOf } from '../statistics.ts'
import type { Subject } from '../subject.ts'
import { cpuSeconds, ensureDisplay, openWindow, root, type OpenWindow } from '../window/electron.ts'
import { interceptTokens, recordFrames, scrollBy, type Recorded } from '../window/in-page.ts'

type Add = (measurement: Measurement) => void

/** a frame of a screen of 60 Hz, ms */
const frameMs = 1000 / 60
const longFrameMs = 50

export async function windowPart(subject: Subject, add: Add): Promise<Omit<PartResult, 'measurements'>> {
  await ensureDisplay()
  const folder = join(subject.folder, 'window')
  mkdirSync(folder, { recursive: true })
  await startUp(folder, subject, add)
  const rows = subject.quick ? 50_000 : 1_000_000
  const { project, dataset: _dataset } = searchProject(rows, subject.progress)
  const large = project.summary()
  project.close()
  const environment = home(folder)
  const modelFile = join(folder, 'tiny.gguf')
  writeTinyModel(modelFile)
  const made = Project.create(join(folder, 'Window'), modelFile)
  const small = made.summary()
  made.close()
  addRecent(join(environment['XDG_DATA_HOME'] as string, 're-control-studio'), large)
  addRecent(join(environment['XDG_DATA_HOME'] as string, 're-control-studio'), small)
  const bare = await openWindow(bareApp(folder), join(folder, 'bare-profile'), environment)
  const studio = await openWindow(root, join(folder, 'studio-profile'), environment)
  try {
    await streaming(studio, small.name, subject, add)
    await scrolling(studio, bare, rows, large.name, subject, add)
    await idle(studio, small.name, subject, add)
  } finally {
    await studio.close()
    await bare.close()
  }
  return {
    name: 'window',
    title: 'The window',
    about:
      'The built app on the same Electron as a bare window with one button, both started in turns with a warm profile of Chromium; without graphics hardware where there is none, so that drawing is on the processor. ' +
      'Tokens are replayed into the real page through its real port listener, as no model here is so fast: the first event of each pane is the pattern, texts and values change. ' +
      'Frames are measured by requestAnimationFrame: a frame that waits for the screen has 16.7 ms.'
  }
}

/** A data directory of its own, and the usual cache: the million rows are there. */
function home(folder: string): Record<string, string> {
  const data = join(folder, 'data')
  return { XDG_DATA_HOME: data, APPDATA: data }
}

/** A window with a button, and a list of plain rows to scroll. */
function bareApp(folder: string): string {
  const app = join(folder, 'bare')
  mkdirSync(app, { recursive: true })
  const script = `const { app, BrowserWindow } = require('electron')
app.whenReady().then(() => new BrowserWindow({ width: 1280, height: 840, webPreferences: { sandbox: true } }).loadFile('index.html'))
app.on('window-all-closed', () => app.quit())`
  const rows = Array.from({ length: 2000 }, (_, i) => `<div class="row"><span>${i}</span><span>A question that somebody asked, number ${i}</span><span>train</span></div>`).join('')
  const page = `<!doctype html><meta charset="utf-8"><title>bare</title>
<style>body { margin: 0; font: 13px sans-serif } .box { height: 700px; overflow-y: scroll } .row { height: 32px; display: grid; grid-template-columns: 80px 1fr 80px }</style>
<button>Open</button><div class="box">${rows}</div>
<script>requestAnimationFrame(() => performance.mark('ready'))</script>`
  writeFileSync(join(app, 'package.json'), '{ "name": "bare", "main": "main.cjs" }')
  writeFileSync(join(app, 'main.cjs'), script)
  writeFileSync(join(app, 'index.html'), page)
  return app
}

async function startUp(folder: string, subject: Subject, add: Add): Promise<void> {
  subject.progress('window: start-up')
  const environment = home(folder)
  const scripts: number[] = []
  const longTasks: number[] = []
  const taken: Record<string, number[]> = { 'bare-profile': [], 'studio-profile': [] }
  const start = async (app: string, profile: string): Promise<number> => {
    const opened = await openWindow(app, join(folder, profile), environment)
    try {
      await opened.page.waitForFunction(() => performance.getEntriesByName('ready').length > 0)
      const seen = await opened.page.evaluate(() => ({
        ready: performance.timeOrigin + (performance.getEntriesByName('ready')[0]?.startTime ?? 0),
        scripts: [...performance.getEntriesByType('resource').map(({ name }) => name), ...[...document.scripts].map(({ src }) => src)].filter((name) => name.endsWith('.js'))
      }))
      if (app === root) {
        const names = [...new Set(seen.scripts.map((name) => new URL(name).pathname))]
        scripts.push(names.reduce((sum, name) => sum + statSync(join(root, 'out', 'renderer', name)).size, 0))
        longTasks.push(await opened.page.evaluate(() => new Promise<number>((found) => {
          new PerformanceObserver((list) => found(list.getEntries().length)).observe({ type: 'longtask', buffered: true })
          setTimeout(() => found(0), 100)
        })))
      }
      if (process.platform === 'linux') taken[profile]?.push(cpuSeconds(opened.process.pid ?? 0).all * 1000)
      return seen.ready - opened.started
    } finally {
      await opened.close()
    }
  }
  const variants = [() => start(bareApp(folder), 'bare-profile'), () => start(root, 'studio-profile')]
  for (const variant of variants) await variant() // Chromium's profile and the compiled scripts are there from the second start on
  const [bare = [], studio = []] = await interleave(variants, { seconds: subject.quick ? 10 : 60, most: 15 })
  const details = { 'bare, ms': median(bare), 'studio, ms': median(studio), 'scripts at start, kB': median(scripts) / 1000, 'long tasks at start': median(longTasks), ...(process.platform === 'linux' ? { 'bare, processor time of all processes, ms': median(taken['bare-profile'] as number[]), 'studio, processor time of all processes, ms': median(taken['studio-profile'] as number[]) } : {}) }
  add({ group: 'start-up', label: 'studio over a bare window', unit: 'ratio', spread: ratios(studio, bare), details, note: null })
}

async function openProject({ page }: OpenWindow, name: string): Promise<void> {
  await page.reload()
  await page.waitForFunction(() => performance.getEntriesByName('ready').length > 0)
  const menu = page.getByRole('button', { name: 'Open the sample project' })
  if (!(await menu.isVisible())) {
    await page.locator('nav button').first().click()
    await page.getByText(/Close (the )?project/).first().click()
  }
  await page.getByRole('button', { name: new RegExp(`^${name}`) }).first().click()
  await page.getByRole('navigation').getByRole('button', { name: /^Data/ }).waitFor()
}

const stage = ({ page }: OpenWindow, name: string): Promise<void> => page.getByRole('navigation').getByRole('button', { name: new RegExp(`^${name}`) }).click()

/** Seconds of processor time that the page's main thread has taken so far: what another process takes does not count. */
async function mainThread({ page }: OpenWindow): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN
}

/** Frames of a page while `work` goes on there. */
async function framesDuring({ page }: OpenWindow, work: string): Promise<Recorded> {
  await page.evaluate(recordFrames)
  await page.evaluate(work)
  return (await page.evaluate('window.__frames.stop()')) as Recorded
}

async function streaming(studio: OpenWindow, project: string, subject: Subject, add: Add): Promise<void> {
  const { page } = studio
  await page.addInitScript(interceptTokens)
  await openProject(studio, project)
  await stage(studio, 'Chat')
  const another = page.getByRole('button', { name: 'Add a pane' })
  while (await another.isVisible()) await another.click()
  for (const method of await page.getByLabel(/^Method of pane/).all()) await method.selectOption('base') // the tokens carry values all the same
  const seconds = subject.quick ? 3 : 8
  const taken = await mainThread(studio)
  for (const perSecond of [100, 400]) {
    subject.progress(`window: ${perSecond} tokens/s`)
    const longest: number[] = []
    const all: number[] = []
    let above = 0
    let tasks = 0
    const busy: number[] = []
    for (let round = 0; round < leastRepetitions; round++) {
      await page.evaluate('window.__replay.holding = true')
      await page.locator('textarea').last().fill(`Round ${round} at ${perSecond} tokens a second`)
      await page.getByRole('button', { name: 'Send' }).click()
      while ((await page.evaluate('window.__replay.panes()')) !== 4) await pause(20) // waitForFunction needs eval, which the page forbids
      await pause(300) // the model's own tokens, which are held back, have ended
      const before = await taken()
      const recorded = await framesDuring(studio, `window.__replay.run(${perSecond}, ${seconds})`)
      busy.push((await taken()) - before)
      await page.evaluate('window.__replay.end()')
      await page.getByRole('button', { name: 'Send' }).waitFor()
      longest.push(max(recorded.frames))
      all.push(...recorded.frames)
      above += recorded.frames.filter((ms) => ms > longFrameMs).length
      tasks += recorded.tasks.length
    }
    const details = { 'frames above 50 ms': above, 'tasks above 50 ms': tasks, frames: all.length, 'median frame, ms': median(all), "main thread's processor time a second, ms": (median(busy) / seconds) * 1000, 'tokens a pane and round': (perSecond * seconds) / 4 }
    add({ group: 'streaming into four panes', label: `longest frame, ${perSecond} tokens/s together`, unit: 'ms', spread: spreadOf(longest), details, note: null })
  }
}

async function scrolling(studio: OpenWindow, bare: OpenWindow, rows: number, project: string, subject: Subject, add: Add): Promise<void> {
  subject.progress('window: scrolling')
  await openProject(studio, project)
  await stage(studio, 'Data')
  await studio.page.getByRole('listbox').first().getByRole('option').nth(5).waitFor()
  const ms = subject.quick ? 1500 : 4000
  const seen: Record<'studio' | 'bare', number[][]> = { studio: [], bare: [] }
  const busy: Record<'studio' | 'bare', number[]> = { studio: [], bare: [] }
  const taken = { studio: await mainThread(studio), bare: await mainThread(bare) }
  const round = async (who: 'studio' | 'bare', opened: OpenWindow, selector: string): Promise<void> => {
    const before = await taken[who]()
    const { frames } = await framesDuring(opened, scrollBy(selector, 96, ms))
    seen[who].push(frames)
    busy[who].push(((await taken[who]()) - before) * 1000 / frames.length)
  }
  for (let rounds = 0; rounds < leastRepetitions; rounds++) {
    await round('bare', bare, '.box')
    await bare.page.evaluate(`document.querySelector('.box').scrollTop = 0`)
    await round('studio', studio, '[role=listbox]')
  }
  for (const who of ['studio', 'bare'] as const) {
    const all = seen[who].flat()
    const details = { '95th percentile, ms': quantile(all, 0.95), 'longest, ms': max(all), 'share within a frame of 60 Hz': all.filter((frame) => frame < frameMs * 1.1).length / all.length, 'frames above 50 ms': all.filter((frame) => frame > longFrameMs).length, frames: all.length, "main thread's processor time a frame, ms": median(busy[who]) }
    add({ group: `scrolling ${rows} rows, 3 rows a frame`, label: who === 'studio' ? 'median frame' : 'median frame of 2000 plain rows', unit: 'ms', spread: spreadOf(seen[who].map(median)), details, note: null })
  }
}

async function idle(studio: OpenWindow, project: string, subject: Subject, add: Add): Promise<void> {
  if (process.platform !== 'linux') return add({ group: 'at rest', label: 'processor time a second', unit: 'ms', spread: null, details: {}, note: 'read from /proc, which only Linux has' })
  subject.progress('window: at rest')
  await openProject(studio, project)
  await stage(studio, 'Model')
  await studio.page.getByRole('button', { name: 'Load', exact: true }).click()
  await studio.page.getByText('Loaded', { exact: true }).waitFor({ timeout: 120_000 })
  await pause(3000)
  const pid = studio.process.pid ?? 0
  const seconds = 4
  const first = cpuSeconds(pid)
  const rounds: number[] = []
  let before = first
  for (let round = 0; round < leastRepetitions; round++) {
    await pause(seconds * 1000)
    const after = cpuSeconds(pid)
    rounds.push(((after.all - before.all) / seconds) * 1000)
    before = after
  }
  const details: Record<string, number> = {}
  for (const [one, { name, seconds: taken }] of before.byProcess) {
    const spent = ((taken - (first.byProcess.get(one)?.seconds ?? 0)) / (seconds * leastRepetitions)) * 1000
    if (spent > 0) details[`${name}, ms`] = (details[`${name}, ms`] ?? 0) + spent
  }
  add({ group: 'at rest', label: 'processor time a second', unit: 'ms', spread: spreadOf(rounds), details, note: 'all processes of the studio, with a project open and a model loaded' })
}
