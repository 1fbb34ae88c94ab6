/** A model host as a child of this process: how the terminal and the tests start it. */
import { fork } from 'node:child_process'
import type { FromHost } from '../../model-host/messages/methods.ts'
import { endWithUs } from '../end-with-us.ts'
import { describeExit, memoryKills, withMemory } from './exit-reason.ts'
import type { HostProcess } from './host-client.ts'
import { hostEnvironment } from './host-environment.ts'

/** @param entry the built model-host.js */
export function forkHost(entry: string): HostProcess {
  const kills = memoryKills()
  const child = endWithUs(() =>
    fork(entry, [], {
      serialization: 'advanced', // typed arrays as they are
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...hostEnvironment(), ELECTRON_RUN_AS_NODE: '1' }
    })
  )
  let ended = false
  return {
    send: (message) => {
      if (child.connected) child.send(message, () => {}) // a broken pipe is reported by the exit
    },
    onMessage: (handle) => void child.on('message', (message) => handle(message as FromHost)),
    onExit: (handle) => {
      const once = (reason: string): void => {
        if (ended) return
        handle(reason)
      }
      child.once('error', (error) => once(`could not be started: ${error.message}`))
      child.once('exit', (code, signal) => once(withMemory(describeExit(code, signal), kills)))
    },
    kill: () => {
      ended = true
      child.kill('SIGKILL') // it holds nothing that can be lost
    }
  }
}
