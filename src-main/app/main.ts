/** The app's life: one window, one engine process, and an orderly end; or a command of the terminal, without a window. */
import { app, BrowserWindow } from 'electron'
import { totalmem } from 'node:os'
import { projectFolder, readPurpose } from './arguments.ts'
import { installMenu } from './menu.ts'
import { registerScheme, servePage } from './protocol.ts'
import { EngineProcess } from './engine-process.ts'
import { dataDirectory } from '../engine/directories.ts'
import { framesOf } from '../contract/log-entry.ts'
import { version } from '../engine/version.ts'
import { Log } from './log.ts'
import { denyEverything } from './permissions.ts'
import { mayQuit } from './quitting.ts'
import { runTerminal } from './terminal.ts'
import { checkAtStart } from './updates.ts'
import { createWindow } from './window.ts'
import { keepAlive } from './window-life.ts'

app.setName('RE-Control Studio')

const given = process.argv.slice(1)
// in a checkout the first word, maybe after switches, is the app's own folder
if (!app.isPackaged) given.splice(given.findIndex((word) => !word.startsWith('-')), 1)
const purpose = readPurpose(given, process.cwd())
if (purpose.kind === 'terminal') runTerminal(purpose.words)
else openWindow(purpose.project)

function openWindow(project: string | null): void {
  // as root (containers, CI) Chromium is started with --no-sandbox, and asking for the sandbox then crashes it
  if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox()
  registerScheme()
  // a running app is told which project this one was to open
  if (!app.requestSingleInstanceLock({ project })) {
    app.quit()
    return
  }
  let engine: EngineProcess | null = null
  let wanted = project
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
    // quitting may still be refused: the window stays until the engine has ended
    window.on('close', (event) => {
      if (engine === null || engine.ended) return
      event.preventDefault()
      app.quit()
    })
    void window.loadURL('studio://app/index.html')
  }
  const openProject = (path: string): void => {
    if (engine === null) wanted = path
    else engine.openProject(path)
  }

  app.on('second-instance', (_event, _words, _directory, told) => {
    const [window] = BrowserWindow.getAllWindows()
    if (window?.isMinimized() === true) window.restore()
    window?.focus()
    const { project: other } = told as { project: string | null }
    if (other !== null) openProject(other)
  })
  // macOS tells so which folder was dropped on the icon or opened with the app
  app.on('open-file', (event, path) => {
    event.preventDefault()
    openProject(projectFolder(path))
  })
  // otherwise it fetches a dictionary from Google when it starts, whatever the window's own setting is
  app.on('session-created', (session) => {
    session.setSpellCheckerEnabled(false)
    session.setSpellCheckerLanguages([])
  })
  app.on('web-contents-created', (_event, contents) => denyEverything(contents))
  app.on('window-all-closed', () => app.quit())
  let asking = false
  app.on('before-quit', (event) => {
    if (engine === null || engine.ended) return
    event.preventDefault()
    if (asking) return
    asking = true
    void mayQuit(engine.jobs.count, engine.jobs.downloads, BrowserWindow.getAllWindows()[0] ?? null).then(async (may) => {
      if (may) log.add({ what: 'app quits' })
      // running jobs are paused, so that they can be resumed
      if (may) await engine?.quit()
      asking = false
      if (may) app.quit()
    })
  })

  void app.whenReady().then(() => {
    servePage()
    engine = new EngineProcess(log)
    installMenu((command) => engine?.ask(command))
    if (wanted !== null) engine.openProject(wanted)
    open()
    checkAtStart()
  })
}
