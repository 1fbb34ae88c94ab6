/** stdout for results, stderr for everything else. */
import { once } from 'node:events'
import type { Job } from '../contract/job.ts'

const barWidth = 24
const plainEveryMs = 5000

export class Terminal {
  readonly json: boolean
  readonly #interactive = process.stderr.isTTY === true
  #open = false
  #lastPlain = 0
  #lastPhase = ''

  constructor(json: boolean) {
    this.json = json
  }

  /** The command's result: one JSON object with --json, else the lines. */
  result(object: object, lines: string[]): void {
    this.#endLine()
    process.stdout.write(this.json ? `${JSON.stringify(object)}\n` : lines.map((line) => `${line}\n`).join(''))
  }

  /** A result that is too long for one string: its pieces, which together are one JSON object. */
  async jsonPieces(pieces: Iterable<string>): Promise<void> {
    this.#endLine()
    for (const piece of pieces) if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
    process.stdout.write('\n')
  }

  note(text: string): void {
    this.#endLine()
    process.stderr.write(`${text}\n`)
  }

  error(text: string): void {
    this.note(`Error: ${text.replaceAll('\n', ' ')}`)
  }

  /** A progress bar that is drawn over, or a line every few seconds where nobody watches. */
  progress(job: Pick<Job, 'phase' | 'done' | 'total' | 'unit' | 'rate' | 'secondsLeft'>): void {
    const line = describe(job)
    if (this.#interactive) {
      process.stderr.write(`\r\x1b[2K${line}`)
      this.#open = true
      return
    }
    const [phase = ''] = job.phase.split(',') // what follows is a remark that changes all the time
    if (phase === this.#lastPhase && performance.now() - this.#lastPlain < plainEveryMs) return
    this.#lastPhase = phase
    this.#lastPlain = performance.now()
    process.stderr.write(`${line}\n`)
  }

  #endLine(): void {
    if (this.#open) process.stderr.write('\n')
    this.#open = false
  }
}

function describe({ phase, done, total, unit, rate, secondsLeft }: Pick<Job, 'phase' | 'done' | 'total' | 'unit' | 'rate' | 'secondsLeft'>): string {
  const amount = unit === 'bytes' ? (n: number) => `${(n / 1e6).toFixed(0)} MB` : (n: number) => String(n)
  if (total === null) return done > 0 ? `${phase}: ${amount(done)} ${unit}` : phase
  const filled = total === 0 ? barWidth : Math.round((done / total) * barWidth)
  const parts = [`${phase.padEnd(24)} [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${amount(done)} of ${amount(total)}${unit === 'bytes' ? '' : ` ${unit}`}`]
  if (rate !== null && rate > 0) parts.push(unit === 'bytes' ? `${(rate / 1e6).toFixed(1)} MB/s` : `${rate.toFixed(rate < 10 ? 1 : 0)}/s`)
  if (secondsLeft !== null) parts.push(`${duration(secondsLeft)} left`)
  return parts.join(', ')
}

export function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Rows as aligned columns, the first one to the left, the others to the right. */
export function columns(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd())
}

/** Names and what they are, both to the left. */
export function definitions(rows: [name: string, text: string][]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`)
}
