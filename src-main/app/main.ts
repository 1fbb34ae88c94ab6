/** The app's life: one window, one engine process, and an orderly end. */
import { app, BrowserWindow } from 'electron'
import { installMenu } from './menu.ts'
import { registerScheme, servePage } from './protocol.ts'
import { EngineProcess } from './engine-process.ts'
import { denyEverything } from './permissions.ts'
import { mayQuit } from './quitting.ts'
import { createWindow } from './window.ts'

// as root (containers, CI) Chromium is started with --no-sandbox, and asking for the sandbox then crashes it
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox()
app.setName('RE-Control Studio')
registerScheme()

if (app.requestSingleInstanceLock()) {
  let engine: EngineProcess | null = null

  const open = (): void => {
    if (engine === null) return
    const window = createWindow()
    engine.attach(window)
    // quitting may still be refused: the window stays until the engine has ended
    window.on('close', (event) => {
      if (engine === null || engine.ended) return
      event.preventDefault()
      app.quit()
    })
    void window.loadURL('studio://app/index.html')
  }

  app.on('second-instance', () => {
    const [window] = BrowserWindow.getAllWindows()
    if (window?.isMinimized() === true) window.restore()
    window?.focus()
  })
  app.on('web-contents-created', (_event, contents) => denyEverything(contents))
  app.on('window-all-closed', () => app.quit())
  let asking = false
  app.on('before-quit', (event) => {
    if (engine === null || engine.ended) return
    event.preventDefault()
    if (asking) return
    asking = true
    void mayQuit(engine.jobs.count, BrowserWindow.getAllWindows()[0] ?? null).then(async (may) => {
      // running jobs are paused, so that they can be resumed
      if (may) await engine?.quit()
      asking = false
      if (may) app.quit()
    })
  })

  void app.whenReady().then(() => {
    servePage()
    engine = new EngineProcess()
    installMenu((command) => engine?.ask(command))
    open()
  })
} else app.quit()
