/** The app's life: one window, one engine process, and an orderly end; or a command of the terminal, without a window. */
import { app, BrowserWindow } from 'electron'
import { projectFolder, readPurpose } from './arguments.ts'
import { installMenu } from './menu.ts'
import { registerScheme, servePage } from './protocol.ts'
import { EngineProcess } from './engine-process.ts'
import { denyEverything } from './permissions.ts'
import { runTerminal } from './terminal.ts'
import { checkAtStart } from './updates.ts'
import { createWindow } from './window.ts'

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

  const open = (): void => {
    if (engine === null) return
    const window = createWindow()
    engine.attach(window)
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
  app.on('web-contents-created', (_event, contents) => denyEverything(contents))
  app.on('window-all-closed', () => app.quit())
  app.on('before-quit', (event) => {
    if (engine === null || engine.ended) return
    event.preventDefault()
    // running jobs are paused, so that they can be resumed
    void engine.quit().then(() => app.quit())
  })

  void app.whenReady().then(() => {
    servePage()
    installMenu()
    engine = new EngineProcess()
    if (wanted !== null) engine.openProject(wanted)
    open()
    checkAtStart()
  })
}
