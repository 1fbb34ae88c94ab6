/**
 * New versions of the studio. Nothing is asked of anybody until a person asks: once from the menu, or at every start by a
 * setting that is off. What is found is fetched and installed only after a further yes.
 */
import { app, dialog, type MenuItemConstructorOptions, type MessageBoxOptions } from 'electron'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { dataDirectory } from '../engine/directories.ts'
import { keep, readKept } from '../engine/kept-json.ts'

const settings = z.object({ atStart: z.boolean() })
const file = (): string => join(dataDirectory(), 'updates.json')
const atStart = (): boolean => readKept(file(), settings, { atStart: false }).atStart

/**
 * Why this copy cannot update itself, or null where it can. The address of new versions is written into a package when
 * it is built; on Linux only what a package manager installed, or an AppImage, is replaced.
 */
export function updateProblem(): string | null {
  if (!app.isPackaged) return 'This is a checkout: git pull brings it up to date.'
  if (!existsSync(join(process.resourcesPath, 'app-update.yml'))) return 'This package was built without an address where new versions are.'
  const installed = (): boolean => existsSync(join(process.resourcesPath, 'package-type')) && process.execPath.startsWith('/opt/')
  const replaceable = process.platform !== 'linux' || process.env['APPIMAGE'] !== undefined || installed()
  return replaceable ? null : 'This copy was unpacked by hand: unpack the new version in its place.'
}

export function updateItems(): MenuItemConstructorOptions[] {
  return [
    { id: 'check-for-updates', label: 'Check for updates…', click: () => void checkForUpdates(true) },
    {
      id: 'check-at-start', label: 'Check for updates at start', type: 'checkbox', checked: atStart(), enabled: updateProblem() === null,
      click: ({ checked }) => keep(file(), { atStart: checked })
    }
  ]
}

/** Does nothing unless the person has switched it on. */
export function checkAtStart(): void {
  if (atStart() && updateProblem() === null) void checkForUpdates(false)
}

/** @param asked whether a person waits for the answer: then "nothing new" and failures are said too */
async function checkForUpdates(asked: boolean): Promise<void> {
  const problem = updateProblem()
  if (problem !== null) {
    if (asked) await tell({ message: 'The studio cannot update itself', detail: problem })
    return
  }
  try {
    const { default: electronUpdater } = await import('electron-updater')
    const updater = electronUpdater.autoUpdater
    updater.logger = null
    updater.autoDownload = false
    updater.autoInstallOnAppQuit = false
    // it would send a number made for this copy with every request
    updater.isUserWithinRollout = () => true
    updater.requestHeaders = { 'x-user-staging-id': '' }
    updater.removeAllListeners('error')
    updater.on('error', () => {}) // what fails is thrown too
    const found = await updater.checkForUpdates()
    if (found === null || !found.isUpdateAvailable) {
      if (asked) await tell({ message: 'This is the newest version', detail: `Version ${app.getVersion()}` })
      return
    }
    const { version } = found.updateInfo
    const wanted = await tell({ message: `Version ${version} of the studio is there`, detail: `This is version ${app.getVersion()}. Projects are kept; they are backed up before anything in them is changed.`, buttons: ['Download and install', 'Not now'], cancelId: 1 })
    if (wanted !== 0) return
    await updater.downloadUpdate()
    const now = await tell({ message: `Version ${version} was downloaded`, detail: 'Running jobs are paused and can be resumed afterwards.', buttons: ['Install and restart', 'Install when the studio is closed'], cancelId: 1 })
    if (now === 0) updater.quitAndInstall()
    else updater.autoInstallOnAppQuit = true
  } catch (error) {
    if (asked) await tell({ type: 'warning', message: 'Looking for a new version failed', detail: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) })
  }
}

/** @returns the number of the button that was chosen */
async function tell(options: MessageBoxOptions): Promise<number> {
  const { response } = await dialog.showMessageBox({ title: 'Updates', type: 'info', noLink: true, ...options })
  return response
}
