// Runs external commands for the set-up: output goes to a log file, a failure becomes one sentence.
import { spawn } from 'node:child_process'
import { createWriteStream, mkdirSync } from 'node:fs'
import path from 'node:path'
import { endingSignals } from './child.mjs'
import { inRoot, root } from './paths.mjs'

/** A failure the user can do something about: printed as one line, without a stack trace. */
export class SetupFailure extends Error {}

/** The user pressed Ctrl-C, or the process was told to end. */
export class Interrupted extends Error {}

// Not under node_modules, which `npm ci` deletes while its own log is being written.
const logDirectory = inRoot('out', 'logs')

/**
 * Runs a command to its end, its output in out/logs/<log>.log.
 * Throws SetupFailure naming `what`, the telling line of output, `next` and the log; Interrupted on a signal.
 * `watch()`, when given, is called every second and ends the command by returning 'give up'.
 */
export async function runLogged(log, command, args, { what, next, cwd = root, env, watch }) {
  mkdirSync(logDirectory, { recursive: true })
  const file = path.join(logDirectory, `${log}.log`)
  const stream = createWriteStream(file)
  stream.write(`$ ${command} ${args.join(' ')}\n`)
  let output = ''
  const child = spawn(command, args, {
    cwd,
    // Colour codes would end up in the log and in the one line a failure becomes.
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  for (const source of [child.stdout, child.stderr]) {
    source.on('data', (chunk) => {
      stream.write(chunk)
      output = (output + chunk).slice(-20_000)
    })
  }
  let gaveUp = false
  const ticks = setInterval(() => {
    if (watch?.() !== 'give up') return
    gaveUp = true
    child.kill('SIGKILL')
  }, 1000)
  // Wait for the command to end, so that callers can clean up behind it; but npm takes its time to roll back.
  let interrupted = false
  const interrupt = (signal) => {
    interrupted = true
    child.kill(signal)
    setTimeout(() => child.kill('SIGKILL'), 2000).unref()
  }
  for (const signal of endingSignals) process.on(signal, interrupt)
  const reason = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.code === 'ENOENT' ? `${command} is not installed` : error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? null : (signal ?? `exit code ${code}`)))
  })
  clearInterval(ticks)
  for (const signal of endingSignals) process.removeListener(signal, interrupt)
  await new Promise((resolve) => stream.end(resolve))
  if (interrupted) throw new Interrupted(`${what}: stopped`)
  if (reason === null) return output
  const cause = gaveUp ? 'no progress' : (tellingLine(output) ?? reason)
  throw new SetupFailure(`${what}: ${cause}. ${next} (log: ${path.relative(root, file)})`)
}

// Compilers and npm put the cause on a line that says "error"; the very last line is often "not ok".
function tellingLine(output) {
  const lines = output.split(/\r?\n/).map((line) => line.trim()).filter(Boolean)
  const found = lines.findIndex((text) => /error[:! ]|^E:/i.test(text))
  if (found < 0) return lines.at(-1)?.slice(0, 300).replace(/\.$/, '')
  const line = lines[found].endsWith(':') ? `${lines[found]} ${lines[found + 1] ?? ''}` : lines[found]
  return line.slice(0, 300).replace(/[.:]?\s*$/, '')
}
