/** A page whose process dies, or hangs and is given up, is loaded again, and finds the engine and its jobs as they were. */
import { dialog, type BrowserWindow } from 'electron'
import type { Log } from './log.ts'

const maxDeaths = 3
const calmMs = 60_000
const firstPauseMs = 300

export function keepAlive(window: BrowserWindow, log: Log): void {
  const { webContents } = window
  let deaths = 0
  let last = -Infinity
  const reload = (): void => {
    if (!window.isDestroyed()) webContents.reload()
  }

  webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    hangs = false
    if (reason === 'clean-exit') return
    log.add({ what: 'window crashed', reason, code: exitCode })
    deaths = performance.now() - last > calmMs ? 1 : deaths + 1
    last = performance.now()
    if (deaths < maxDeaths) setTimeout(reload, firstPauseMs * 2 ** (deaths - 1))
    else void ask(window, `The page crashed ${deaths} times in a row (${reason}).`, 'Load it again', reload, () => window.close())
  })

  // a page that is in an endless loop cannot be loaded again: its process has to end first, which the handler above hears of
  const giveUp = (): void => {
    if (!window.isDestroyed() && hangs) webContents.forcefullyCrashRenderer()
    else reload()
  }
  let hangs = false
  let asking = false
  webContents.on('unresponsive', () => {
    hangs = true
    log.add({ what: 'window hangs' })
    if (asking) return
    asking = true
    void ask(window, 'The page does not answer.', 'Load it again', giveUp).finally(() => (asking = false))
  })
  webContents.on('responsive', () => {
    hangs = false
    log.add({ what: 'window answers again' })
  })
}

async function ask(window: BrowserWindow, message: string, doIt: string, then: () => void, otherwise?: () => void): Promise<void> {
  const { response } = await dialog.showMessageBox(window, {
    type: 'warning',
    message,
    detail: 'Jobs go on in other processes, and what was finished is kept.',
    buttons: [doIt, otherwise === undefined ? 'Wait' : 'Quit'],
    cancelId: 1
  })
  if (response === 0) then()
  else otherwise?.()
}
