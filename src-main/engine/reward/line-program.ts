/** A program of the person's own as a child process that speaks in lines, with an end to its time, its output and its life. */
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import type { Readable, Writable } from 'node:stream'
import { StudioError } from '../../contract/errors.ts'
import { endWithUs } from '../end-with-us.ts'
import { withoutKeys } from '../secrets.ts'

/** characters */
const longestLine = 1 << 20
const shownStderr = 500

export class LineProgram {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #command: string
  #stderr = ''
  #active = performance.now()
  #ended = false

  /** Resolves when it and its output have ended; says how. */
  readonly exit: Promise<string>

  /**
   * @param onLine one line of its output, without its end; what it throws goes to `onFailure`, and no more lines come
   * @throws StudioError 'not-usable' when it cannot be started
   */
  static async start(command: string, words: string[], onLine: (line: string) => void, onFailure: (error: Error) => void): Promise<LineProgram> {
    const program = new LineProgram(command, words, onLine, onFailure)
    await new Promise<void>((resolve, reject) => {
      program.#child.once('spawn', resolve)
      program.#child.once('error', (error) => reject(new StudioError('not-usable', `${command} could not be started: ${startProblem(error)}`)))
    })
    return program
  }

  private constructor(command: string, words: string[], onLine: (line: string) => void, onFailure: (error: Error) => void) {
    this.#command = command
    const start = (): ChildProcessByStdio<Writable, Readable, Readable> =>
      spawn(command, words, {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: withoutKeys(process.env),
        detached: process.platform !== 'win32', // a process group of its own, to be killed with all that it starts
        windowsHide: true
      })
    this.#child = endWithUs(start, true)
    const { stdin, stdout, stderr } = this.#child
    for (const stream of [stdin, this.#child]) stream.on('error', () => {}) // the exit tells what there is to tell
    this.#readLines(stdout, onLine, onFailure)
    const text = new StringDecoder('utf8')
    stderr.on('data', (chunk: Buffer) => {
      this.#active = performance.now()
      this.#stderr = (this.#stderr + text.write(chunk)).slice(-shownStderr)
    })
    this.#child.once('exit', () => this.kill()) // what it has left behind would hold its output open
    this.exit = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#ended = true
        resolve(signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`)
      })
    })
  }

  /** Milliseconds since it last said anything, or was last spoken to. */
  get silentMs(): number {
    return performance.now() - this.#active
  }

  /** It reads no more. */
  get deaf(): boolean {
    return this.#child.stdin.destroyed
  }

  /** Resolves when the pipe has room for more. */
  async write(line: string): Promise<void> {
    const { stdin } = this.#child
    if (stdin.write(`${line}\n`)) return
    await new Promise<void>((resolve) => {
      const go = (): void => {
        for (const event of ['drain', 'close', 'error']) stdin.off(event, go)
        resolve()
      }
      for (const event of ['drain', 'close', 'error']) stdin.on(event, go)
    })
    this.#active = performance.now()
  }

  endInput(): void {
    this.#child.stdin.end()
  }

  /** What it has said last on stderr, for an error. */
  complaint(): string {
    const said = this.#stderr.replaceAll(/\s+/g, ' ').trim()
    return said === '' ? '' : `; it said: ${said}`
  }

  get name(): string {
    return this.#command
  }

  /** At once, with everything that it has started. */
  kill(): void {
    const { pid } = this.#child
    if (pid === undefined || this.#ended) return
    if (process.platform === 'win32') {
      spawnSync('taskkill', ['/pid', String(pid), '/T', '/F'], { windowsHide: true })
      return
    }
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // nothing of it is left
    }
  }

  #readLines(stdout: Readable, onLine: (line: string) => void, onFailure: (error: Error) => void): void {
    const text = new StringDecoder('utf8')
    let rest = ''
    let failed = false
    const guarded = (act: () => void): void => {
      if (failed) return
      try {
        act()
      } catch (error) {
        failed = true
        onFailure(error instanceof Error ? error : new Error(String(error)))
      }
    }
    stdout.on('data', (chunk: Buffer) => {
      this.#active = performance.now()
      const lines = (rest + text.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      guarded(() => {
        for (const line of lines) onLine(line)
        if (rest.length > longestLine) throw new StudioError('not-usable', `${this.#command} wrote a line of more than ${longestLine >> 20} MB`)
      })
      if (failed) rest = ''
    })
    stdout.on('end', () => guarded(() => rest !== '' && onLine(rest)))
  }
}

function startProblem(error: Error): string {
  const code = 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such program'
  if (code === 'EACCES') return 'it may not be executed'
  if (code === 'EINVAL') return 'this system starts it only through a shell; give the interpreter as the command and the script as its argument'
  return error.message
}
