/** The model hosts' processes, which the engine asks for by number. */
import { MessageChannelMain, utilityProcess, type MessagePortMain, type UtilityProcess } from 'electron'
import { join } from 'node:path'
import { endWithUs } from '../engine/end-with-us.ts'
import { describeUtilityExit, memoryKills, withMemory } from '../engine/models/exit-reason.ts'
import { hostEnvironment } from '../engine/models/host-environment.ts'
import type { Log } from './log.ts'

export class HostProcesses {
  readonly #log: Log
  readonly #running = new Map<number, UtilityProcess>()

  constructor(log: Log) {
    this.#log = log
  }

  /** @param onExit is told how it ended, unless that was asked for @returns the port to it */
  launch(host: number, onExit: (reason: string) => void): MessagePortMain {
    const kills = memoryKills()
    const started = performance.now()
    const child = endWithUs(() => utilityProcess.fork(join(import.meta.dirname, 'model-host.js'), [], { serviceName: 'RE-Control model host', env: hostEnvironment() }))
    this.#running.set(host, child)
    this.#log.add({ what: 'model host started', host })
    child.once('exit', (code) => {
      if (!this.#running.delete(host)) return
      const reason = withMemory(describeUtilityExit(code), kills)
      this.#log.add({ what: 'model host ended', host, reason, livedSeconds: Math.round((performance.now() - started) / 1000) })
      onExit(reason)
    })
    const { port1, port2 } = new MessageChannelMain()
    child.postMessage(null, [port1])
    return port2
  }

  kill(host: number): void {
    const child = this.#running.get(host)
    this.#running.delete(host)
    if (child !== undefined) killAtOnce(child)
  }

  killAll(): void {
    for (const host of [...this.#running.keys()]) this.kill(host)
  }
}

/** Electron's own kill asks with SIGTERM, which a process that hangs or is stopped does not follow. */
export function killAtOnce(child: UtilityProcess): void {
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL')
    } catch {
      // it has ended meanwhile
    }
  }
  if (child.pid === undefined) child.once('spawn', end)
  else end()
}
