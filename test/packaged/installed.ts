/** The installed app: built, put in and taken out by the system's package manager, and its window reached from outside. */
import { chromium, type Browser, type Page } from '@playwright/test'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Person } from './person.ts'

export const root = resolve(import.meta.dirname, '..', '..')
export const folder = '/opt/RE-Control Studio'
export const program = join(folder, 're-control-studio')
export const packageName = 're-control-studio'

/** @returns the deb of this checkout, packed quickly instead of small */
export function buildDeb(): string {
  execFileSync(process.execPath, [join(root, 'native', 'setup', 'package.mjs'), 'deb', '-c.deb.compression=gz'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [deb] = readdirSync(join(root, 'dist')).filter((file) => file.endsWith('.deb'))
  if (deb === undefined) throw new Error('packaging left no deb')
  return join(root, 'dist', deb)
}

/** The same package under another version. */
export function withVersion(deb: string, version: string, to: string): void {
  const unpacked = mkdtempSync(join(tmpdir(), 'deb-version-'))
  try {
    execFileSync('dpkg-deb', ['--raw-extract', deb, unpacked])
    const control = join(unpacked, 'DEBIAN', 'control')
    writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`))
    execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', unpacked, to], { stdio: 'ignore' })
  } finally {
    rmSync(unpacked, { recursive: true, force: true })
  }
}

export function apt(...words: string[]): void {
  execFileSync('apt-get', [...words, '-y', '--no-install-recommends', '-q'], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}

export function installedVersion(): string {
  return execFileSync('dpkg-query', ['--show', '--showformat=${Version}', packageName], { encoding: 'utf8' })
}

/** A screen that every user of this machine may draw on, as long as the test runs. */
export async function startScreen(): Promise<{ name: string; stop: () => void }> {
  const server = spawn('Xvfb', ['-displayfd', '1', '-screen', '0', '1600x1100x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [number] = (await once(server.stdout, 'data')) as [Buffer]
  return { name: `:${String(number).trim()}`, stop: () => void server.kill() }
}

export interface OpenWindow {
  page: Page
  browser: Browser
  process: ChildProcess
  /** the port that this test asked for, and that the app has only with that switch */
  port: number
}

/** Starts the app as its users do, with the one switch that lets a test see its page. */
export async function openWindow(person: Person, display: string, words: string[]): Promise<OpenWindow> {
  const child = person.start('re-control-studio', [...words, '--remote-debugging-port=0', '--disable-gpu'], { DISPLAY: display })
  let said = ''
  const address = await new Promise<string>((found, fail) => {
    child.stderr?.on('data', (chunk) => {
      said += String(chunk)
      const [, url] = /DevTools listening on (ws:\S+)/.exec(said) ?? []
      if (url !== undefined) found(url)
    })
    child.once('exit', (code) => fail(new Error(`the app ended with exit code ${code}: ${said}`)))
  })
  const browser = await chromium.connectOverCDP(address)
  const [context] = browser.contexts()
  if (context === undefined) throw new Error('the app has no browser context')
  const page = context.pages()[0] ?? (await context.waitForEvent('page'))
  return { page, browser, process: child, port: Number(new URL(address).port) }
}

/** Closes the window as its button does, and waits for the app's end. */
export async function closeWindow({ page, browser, process: child }: OpenWindow): Promise<void> {
  const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve()
  await page.evaluate(() => window.close()).catch(() => {}) // the connection ends with the page
  await ended
  await browser.close()
}

/** TCP ports that the processes listen on. */
export function listeningPorts(processes: number[]): number[] {
  const sockets = new Set(processes.flatMap(socketsOf))
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'utf8').split('\n').slice(1).flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      return state === '0A' && sockets.has(inode) ? [parseInt(local.split(':')[1] ?? '', 16)] : []
    })
  )
}

function socketsOf(pid: number): string[] {
  const descriptors = `/proc/${pid}/fd`
  return readdirSync(descriptors).flatMap((descriptor) => {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(join(descriptors, descriptor))) ?? []
      return inode === undefined ? [] : [inode]
    } catch {
      return [] // closed meanwhile
    }
  })
}
