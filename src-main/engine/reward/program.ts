/**
 * A command of the person's own. It reads {"id", "prompt", "messages", "response", "columns"} from stdin, one JSON
 * object a line, and writes {"id", "reward"} or {"id", "error"} to stdout, in any order. stdin ends after the last one.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import { commandLine, type Door } from '../asked-for.ts'
import { LineProgram } from './line-program.ts'
import type { RewardSource, Scorer, ToScore, Verdict } from './source.ts'

const settings = z.object({
  command: z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a command holds no null characters').meta({ title: 'Command', description: 'The program, by its name or with its path; no shell is in between' }),
  arguments: z.array(z.string().max(4096).regex(/^[^\0]*$/, 'an argument holds no null characters')).max(100).default([]).meta({ title: 'Arguments', description: 'One a line, e.g. score.py' }),
  timeoutSeconds: z.number().positive().max(86_400).default(300).meta({ title: 'Timeout', description: 'Seconds without any output after which it counts as hanging' })
})
type Settings = z.output<typeof settings>

const answer = z.object({ id: z.int(), reward: z.unknown().optional(), error: z.unknown().optional() })

/** After its last answer it has this long to end by itself. */
const graceMs = 2000
const shownCharacters = 200

export const program: RewardSource<typeof settings> = {
  name: 'program',
  title: 'Own program',
  description: 'A command that reads JSON lines {id, prompt, messages, response, columns} and writes {id, reward} or {id, error}.',
  settings,
  decisive: ({ command, arguments: words }) => ({ command, words }),
  complete: (chosen) => ({ ...chosen, command: whole(chosen.command) }),
  door: doorOf,
  open: (chosen, { asked, signal }) => {
    asked.require(doorOf(chosen))
    return openProgram(chosen, signal)
  },
  preview: (chosen, { first }) => Promise.resolve({ sample: first === null ? null : lineOf(1, first), facts: [{ name: 'Command', value: commandLine(chosen) }] })
}

function doorOf({ command, arguments: words }: Settings): Door {
  return { command: whole(command), arguments: words }
}

/** A name is looked up on the PATH; a path must mean the same file wherever the job goes on. */
function whole(command: string): string {
  return /[\\/]/.test(command) ? resolve(command) : command
}

/** The program runs from here on; each further call of `score` starts it again, as the end of stdin tells it that all is there. */
async function openProgram(chosen: Settings, signal: AbortSignal): Promise<Scorer> {
  const unused = new Set([await Run.start(chosen)])
  let current: Run | null = null
  return {
    async score(items, tell) {
      const [ready] = unused
      unused.clear()
      current = ready ?? (await Run.start(chosen))
      await current.score(items, tell, signal)
    },
    close: () => {
      for (const run of [...unused, current]) run?.program.kill()
    }
  }
}

/** One life of the program. */
class Run {
  readonly #settings: Settings
  readonly #waiting = new Map<number, ToScore>()
  #program: LineProgram | null = null
  #tell: (item: ToScore, verdict: Verdict) => void = () => {}
  #asked = 0
  #answered = 0
  #all = false
  #over = false
  readonly #end = Promise.withResolvers<void>()

  private constructor(chosen: Settings) {
    this.#settings = chosen
    this.#end.promise.catch(() => {}) // it may go wrong before anybody waits for it
  }

  static async start(chosen: Settings): Promise<Run> {
    const run = new Run(chosen)
    run.#program = await LineProgram.start(chosen.command, chosen.arguments, (line) => run.#receive(line), (error) => run.#end.reject(error))
    return run
  }

  get program(): LineProgram {
    if (this.#program === null) throw new StudioError('internal', 'the program was not started')
    return this.#program
  }

  async score(items: Iterable<ToScore>, tell: (item: ToScore, verdict: Verdict) => void, signal: AbortSignal): Promise<void> {
    const { program } = this
    const { timeoutSeconds } = this.#settings
    this.#tell = tell
    const abort = (): void => this.#end.reject(signal.reason)
    signal.throwIfAborted()
    signal.addEventListener('abort', abort)
    const started = performance.now()
    const watch = setInterval(() => {
      if (Math.min(program.silentMs, performance.now() - started) < timeoutSeconds * 1000) return
      this.#end.reject(this.#broken(`said nothing for ${timeoutSeconds} s`))
    }, Math.min(1000, timeoutSeconds * 250))
    void program.exit.then((how) => this.#end.reject(this.#broken(how)))
    try {
      await Promise.race([this.#feed(items), this.#end.promise])
      await this.#end.promise
      await Promise.race([program.exit, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
    } finally {
      this.#over = true
      this.#tell = () => {}
      signal.removeEventListener('abort', abort)
      clearInterval(watch)
      program.kill()
    }
  }

  /** As fast as the program reads. */
  async #feed(items: Iterable<ToScore>): Promise<void> {
    for (const item of items) {
      const id = ++this.#asked
      this.#waiting.set(id, item)
      if (this.#over || this.program.deaf) return
      await this.program.write(lineOf(id, item))
    }
    this.#all = true
    this.program.endInput()
    this.#settle()
  }

  /** @throws StudioError for a line that answers nothing: what else it says cannot be trusted then */
  #receive(line: string): void {
    if (line.trim() === '') return
    const said = (): string => JSON.stringify(line.length <= shownCharacters ? line : `${line.slice(0, shownCharacters)}...`)
    const parsed = answer.safeParse(parseLine(line))
    if (!parsed.success) throw this.#broken(`wrote a line that is no {"id", "reward"} or {"id", "error"}: ${said()}. Remarks belong on stderr`)
    const item = this.#waiting.get(parsed.data.id)
    if (item === undefined) throw this.#broken(parsed.data.id >= 1 && parsed.data.id <= this.#asked ? `answered id ${parsed.data.id} twice` : `answered id ${parsed.data.id}, which it was not asked`)
    this.#waiting.delete(parsed.data.id)
    this.#answered++
    this.#tell(item, verdictOf(parsed.data))
    this.#settle()
  }

  #settle(): void {
    if (this.#all && this.#waiting.size === 0) this.#end.resolve()
  }

  #broken(how: string): StudioError {
    return new StudioError('not-usable', `the program ${this.program.name} ${how}, after ${this.#answered} answers${this.program.complaint()}. What it has labelled is kept`, { retryable: true })
  }
}

/** Without the characters that JSON allows in a text and some readers take for the end of a line. */
function lineOf(id: number, { prompt, messages, text, columns }: ToScore): string {
  return JSON.stringify({ id, prompt, messages, response: text, columns }).replaceAll(/[\u0085\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Python's json writes NaN and Infinity, which are no JSON: they come to no number. */
function parseLine(line: string): unknown {
  for (const text of [line, line.replaceAll(/-?\b(?:NaN|Infinity)\b/g, 'null')]) {
    try {
      return JSON.parse(text)
    } catch {
      continue
    }
  }
  return undefined
}

function verdictOf({ reward, error }: z.output<typeof answer>): Verdict {
  if (error !== undefined && error !== null) {
    const text = typeof error === 'string' ? error : JSON.stringify(error)
    return { failure: `the program says: ${text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}...`}` }
  }
  if (typeof reward !== 'number' || !Number.isFinite(reward)) return { failure: 'the program\'s reward is not a finite number' }
  return { value: reward }
}
