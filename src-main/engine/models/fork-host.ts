/** A model host as a child of this process: how the terminal and the tests start it. */
import { fork } from 'node:child_process'
import type { FromHost } from '../../model-host/messages.ts'
import type { HostProcess } from './host-client.ts'

/** @param entry the built model-host.js */
export function forkHost(entry: string): HostProcess {
  const child = fork(entry, [], {
    serialization: 'advanced', // typed arrays as they are
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // no debugger is to be started by ggml on an abort
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', GGML_NO_BACKTRACE: '1' }
  })
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
      child.once('exit', (code, signal) => once(describeExit(code, signal)))
    },
    kill: () => {
      ended = true
      child.kill('SIGKILL') // it holds nothing that can be lost
    }
  }
}

export function describeExit(code: number | null, signal: string | null): string {
  if (signal !== null) return `was killed by ${signal}`
  return code === 0 ? 'ended' : `ended with exit code ${code}`
}
