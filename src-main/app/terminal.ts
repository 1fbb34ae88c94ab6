/**
 * The terminal in a package. Electron cannot run as node there (the fuse is off), so the commands run in a process of
 * their own below the app, which shows no window, and have their model hosts started by it.
 */
import { app, utilityProcess, type UtilityProcess } from 'electron'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataDirectory } from '../engine/directories.ts'
import { endWithUs } from '../engine/end-with-us.ts'
import type { ToEngine, ToSupervisor } from '../engine/supervisor-port.ts'
import { HostProcesses } from './host-processes.ts'
import { Log } from './log.ts'

/** Before the app is ready. Ends the app with the command's exit code. */
export function runTerminal(words: string[]): void {
  // the window may be open beside it: it has the folder of its own
  const folder = mkdtempSync(join(tmpdir(), 're-control-terminal-'))
  app.setPath('userData', folder)
  app.disableHardwareAcceleration()
  app.dock?.hide()

  let commands: UtilityProcess | null = null
  // Ctrl-C and SIGTERM: the command pauses its job and ends by itself
  app.on('before-quit', (event) => {
    if (commands === null) return
    event.preventDefault()
    commands.postMessage({ kind: 'quit' } satisfies ToEngine)
  })
  app.on('window-all-closed', () => {}) // there is none, and that is no reason to end
  void app.whenReady().then(() => {
    const hosts = new HostProcesses(new Log(dataDirectory()))
    const process = endWithUs(() => utilityProcess.fork(join(import.meta.dirname, 'cli.js'), words, { serviceName: 'RE-Control terminal', stdio: 'inherit' }))
    commands = process
    const send = (message: ToEngine, ports: Electron.MessagePortMain[] = []): void => process.postMessage(message, ports)
    process.on('message', (message: ToSupervisor) => {
      if (message.kind === 'launch-host') {
        const { host } = message
        const port = hosts.launch(host, (reason) => send({ kind: 'host-exit', host, reason }))
        send({ kind: 'host', host }, [port])
      } else if (message.kind === 'kill-host') hosts.kill(message.host)
    })
    process.once('exit', (code) => {
      hosts.killAll()
      commands = null
      rmSync(folder, { recursive: true, force: true })
      app.exit(code)
    })
  })
}
