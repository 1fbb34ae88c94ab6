/** The app's life: one window, one engine process, and an orderly end. */
import { app, BrowserWindow } from 'electron'
import { totalmem } from 'node:os'
import { installMenu } from './menu.ts'
import { registerScheme, servePage } from './protocol.ts'
import { EngineProcess } from './engine-process.ts'
import { dataDirectory } from '../engine/directories.ts'
import { framesOf } from '../contract/log-entry.ts'
import { version } from '../engine/version.ts'
import { Log } from './log.ts'
import { denyEverything } from './permissions.ts'
import { createWindow } from './window.ts'
import { keepAlive } from './window-life.ts'

// as root (containers, CI) Chromium is started with --no-sandbox, and asking for the sandbox then crashes it
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox()
app.setName('RE-Control Studio')
registerScheme()

if (app.requestSingleInstanceLock()) {
  let engine: EngineProcess | null = null
  const log = new Log(dataDirectory())
  log.add({ what: 'app started', version, electron: process.versions.electron, system: `${process.platform} ${process.arch} ${process.getSystemVersion()}`, memoryGb: Math.round(totalmem() / 1e9) })
  // a fault here is logged and the window stays: the person's work is in other processes
  process.on('uncaughtException', (error) => log.add({ what: 'unforeseen', process: 'app', at: framesOf(error.stack) }))
  process.on('unhandledRejection', (reason) => log.add({ what: 'unforeseen', process: 'app', at: framesOf(reason instanceof Error ? reason.stack : undefined) }))

  const open = (): void => {
    if (engine === null) return
    const window = createWindow()
    engine.attach(window)
    keepAlive(window, log)
    void window.loadURL('studio://app/index.html')
  }

  app.on('second-instance', () => {
    const [window] = BrowserWindow.getAllWindows()
    if (window?.isMinimized() === true) window.restore()
    window?.focus()
  })
  // otherwise it fetches a dictionary from Google when it starts, whatever the window's own setting is
  app.on('session-created', (session) => {
    session.setSpellCheckerEnabled(false)
    session.setSpellCheckerLanguages([])
  })
  app.on('web-contents-created', (_event, contents) => denyEverything(contents))
  app.on('window-all-closed', () => app.quit())
  app.on('before-quit', (event) => {
    if (engine === null || engine.ended) return
    event.preventDefault()
    log.add({ what: 'app quits' })
    // running jobs are paused, so that they can be resumed
    void engine.quit().then(() => app.quit())
  })

  void app.whenReady().then(() => {
    servePage()
    installMenu()
    engine = new EngineProcess(log)
    open()
  })
} else app.quit()
