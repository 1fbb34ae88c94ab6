// Runs a program in our place: same terminal, same signals, same exit code.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

export const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Resolves with the exit code, 128 + n for signal n as shells have it, 127 if the program cannot be started.
 * `onOutput`, when given, gets what it would have printed.
 */
export function runInForeground(command, args, { cwd, env, onOutput } = {}) {
  const output = onOutput ? 'pipe' : 'inherit'
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['inherit', output, output] })
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput)
  // On Ctrl-C the terminal signals the child as well; it decides how to end, and we wait for that.
  const forward = (signal) => child.kill(signal)
  for (const signal of endingSignals) process.on(signal, forward)
  return new Promise((resolve) => {
    const end = (code) => {
      for (const signal of endingSignals) process.removeListener(signal, forward)
      resolve(code)
    }
    child.once('error', (error) => {
      console.error(`Cannot start ${command}: ${error.message}`)
      end(127)
    })
    child.once('close', (code, signal) => end(code ?? 128 + constants.signals[signal]))
  })
}
