/**
 * The terminal in a package. Electron cannot run as node there (the fuse is off), so the commands run in a process of
 * their own below the app, which shows no window, and have their model hosts started by it.
 */
import { app, utilityProcess, MessageChannelMain, type UtilityProcess } from 'electron'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ToEngine, ToSupervisor } from '../engine/supervisor-port.ts'

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
    const hosts = new Map<number, UtilityProcess>()
    const process = utilityProcess.fork(join(import.meta.dirname, 'cli.js'), words, { serviceName: 'RE-Control terminal', stdio: 'inherit' })
    commands = process
    const send = (message: ToEngine, ports: Electron.MessagePortMain[] = []): void => process.postMessage(message, ports)
    process.on('message', (message: ToSupervisor) => {
      if (message.kind === 'launch-host') launchHost(message.host, hosts, send)
      else if (message.kind === 'kill-host') {
        const host = hosts.get(message.host)
        hosts.delete(message.host)
        host?.kill()
      }
    })
    process.once('exit', (code) => {
      for (const host of hosts.values()) host.kill()
      commands = null
      rmSync(folder, { recursive: true, force: true })
      app.exit(code)
    })
  })
}

function launchHost(id: number, hosts: Map<number, UtilityProcess>, send: (message: ToEngine, ports?: Electron.MessagePortMain[]) => void): void {
  const host = utilityProcess.fork(join(import.meta.dirname, 'model-host.js'), [], {
    serviceName: 'RE-Control model host',
    stdio: 'ignore',
    env: { ...process.env, GGML_NO_BACKTRACE: '1' } // no debugger is to be started on an abort
  })
  hosts.set(id, host)
  host.once('exit', (code) => {
    if (hosts.delete(id)) send({ kind: 'host-exit', host: id, reason: code === 0 ? 'ended' : `ended unexpectedly (exit code ${code})` })
  })
  const { port1, port2 } = new MessageChannelMain()
  host.postMessage(null, [port1])
  send({ kind: 'host', host: id }, [port2])
}
