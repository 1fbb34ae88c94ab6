/** How a process ended, in words that complete "the model's process ...". */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

const inWords: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: 'was killed by SIGKILL (by a person, or by a system that is short of memory)',
  SIGTERM: 'was ended by SIGTERM',
  SIGINT: 'was ended by SIGINT',
  SIGHUP: 'was ended by SIGHUP',
  SIGABRT: 'aborted (SIGABRT): it met something that it cannot handle',
  SIGTRAP: 'aborted (SIGTRAP): it ran out of memory, or met something that it cannot handle',
  SIGSEGV: 'crashed (SIGSEGV)',
  SIGBUS: 'crashed (SIGBUS): a file was cut while it was read, or a disk failed',
  SIGILL: 'crashed (SIGILL): an instruction that this processor does not have, or a failed check',
  SIGFPE: 'crashed (SIGFPE)'
}

/** Of a process that ended with a code or by a signal, as Node tells them. */
export function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return inWords[signal] ?? `was killed by ${signal}`
  return code === 0 ? 'ended by itself' : `ended with exit code ${code}`
}

/**
 * Of a utility process, where Electron tells the number of the signal as the code on POSIX. Our own processes end with 0
 * or 1 where they end by themselves.
 */
export function describeUtilityExit(code: number): string {
  const signal = process.platform === 'win32' ? undefined : signalOf(code)
  return signal === undefined ? describeExit(code, null) : describeExit(null, signal)
}

function signalOf(number: number): NodeJS.Signals | undefined {
  return (Object.keys(inWords) as NodeJS.Signals[]).find((name) => constants.signals[name] === number && number > 1)
}

/** Whether the process itself met something that it could not handle, and nobody ended it. */
export function isCrash(reason: string): boolean {
  return /\b(aborted|crashed) \(SIG/.test(reason)
}

/** How often the kernel has ended a process for its memory, so far; null where that is not told. */
export function memoryKills(): number | null {
  if (process.platform !== 'linux') return null
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? NaN) || 0
  } catch {
    return null
  }
}

/** The reason of a death, told by the kernel's count before it where that says more. */
export function withMemory(reason: string, killsBefore: number | null): string {
  const kills = memoryKills()
  const forMemory = reason.includes('SIGKILL') && kills !== null && killsBefore !== null && kills > killsBefore
  return forMemory ? 'was killed by the system (SIGKILL), as the machine ran out of memory' : reason
}
