/** The built app as a person starts it, with nothing attached to it but a debugging port where one is asked for. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { environment, flags, root } from './studio.ts'

export interface BareApp {
  process: ChildProcess
  /** '' without --remote-debugging-port */
  debuggingAddress: string
}

/** @param further flags of Chromium's @param before a command that is to start it, e.g. strace with its flags @param first Electron's own flags */
export async function startBare(folder: string, further: string[] = [], before: string[] = [], first: string[] = []): Promise<BareApp> {
  const [command = '', ...words] = [...before, join(root, 'node_modules', 'electron', 'dist', 'electron'), ...first, root, ...flags(folder), ...further]
  const child = spawn(command, words, { cwd: root, env: environment(folder), stdio: ['ignore', 'ignore', 'pipe'] })
  if (!further.some((flag) => flag.startsWith('--remote-debugging-port'))) {
    child.stderr.resume()
    return { process: child, debuggingAddress: '' }
  }
  return new Promise((resolve, reject) => {
    let said = ''
    child.once('exit', () => reject(new Error(`the app ended: ${said}`)))
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk
      const [, address] = /DevTools listening on ws:\/\/([^/\s]+)/.exec(said) ?? []
      if (address !== undefined) resolve({ process: child, debuggingAddress: `http://${address}` })
    })
  })
}
