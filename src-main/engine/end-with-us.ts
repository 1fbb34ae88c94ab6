/**
 * Children that must not outlive this process, however it ends. Ours end by themselves when the channel to them closes; but one
 * that is stopped (SIGSTOP) does not, and a program of the person's own need not look at its stdin. So a shell waits at a pipe
 * from here, which the kernel closes with this process, and then kills what the last line names. Linux and macOS only.
 */
import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'

/** Of Node or of Electron, whose utility processes have no number until they were started. */
interface Child {
  readonly pid?: number | undefined
  once(event: 'spawn', heard: () => void): unknown
  once(event: 'exit', heard: () => void): unknown
}

const script = 'while read -r now; do last=$now; done; test -z "$last" || kill -s KILL -- $last'

/** numbers of processes, and of process groups with a minus */
const guarded = new Set<number>()
let pipe: Writable | null = null

/** @param start starts it; the shell is there before it @param group whether the child leads a process group, all of which is to end */
export function endWithUs<C extends Child>(start: () => C, group = false): C {
  if (process.platform === 'win32') return start()
  pipe ??= openPipe()
  const child = start()
  const started = (): void => {
    if (child.pid === undefined) return
    const number = group ? -child.pid : child.pid
    guarded.add(number)
    tell()
    child.once('exit', () => {
      guarded.delete(number) // it may soon be another's
      tell()
    })
  }
  if (child.pid === undefined) child.once('spawn', started)
  else started()
  return child
}

function tell(): void {
  pipe?.write(`${[...guarded].join(' ')}\n`)
}

/** The shell has a session of its own, so that neither Ctrl-C nor a signal to this process's group ends it; it keeps nothing busy. */
function openPipe(): Writable {
  const shell = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/', env: {} })
  shell.on('error', () => {}) // without it they still end by their channels
  shell.stdin.on('error', () => {})
  shell.unref()
  ;(shell.stdin as Socket).unref()
  return shell.stdin
}
