// Progress of the set-up: one line a step, rewritten in place on a terminal, whole lines elsewhere.
import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'

const quietSeconds = 10

export class Progress {
  #stream
  #total
  #step = 0
  #title = ''
  #began = 0
  #lastLine = 0

  constructor(stream, total) {
    this.#stream = stream
    this.#total = total
  }

  begin(title) {
    this.#step++
    this.#title = title
    this.#began = this.#lastLine = Date.now()
  }

  /** A new phase of the step: always shown. */
  phase(text) {
    this.#show(text, this.#stream.isTTY)
  }

  /** How far the phase is: shown at once on a terminal, now and then in a log. */
  update(text) {
    if (this.#stream.isTTY || Date.now() - this.#lastLine > quietSeconds * 1000) this.#show(text, this.#stream.isTTY)
  }

  /** Something that should stay readable above the progress. */
  note(text) {
    this.#show(text, false)
  }

  ready() {
    this.#show('ready', false)
  }

  done() {
    this.#show(`done in ${((Date.now() - this.#began) / 1000).toFixed(1)} s`, false)
  }

  /** Ends a line that is being rewritten, so that what follows starts on its own. */
  fail() {
    if (this.#stream.isTTY) this.#stream.write('\n')
  }

  #show(text, transient) {
    const line = `[${this.#step}/${this.#total}] ${this.#title}: ${text}`
    const fitting = transient ? line.slice(0, (this.#stream.columns || 80) - 1) : line
    this.#stream.write(`${this.#stream.isTTY ? '\r\x1b[2K' : ''}${fitting}${transient ? '' : '\n'}`)
    this.#lastLine = Date.now()
  }
}

export function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`
}

/** Bytes of all files below a folder; files that vanish meanwhile count nothing. */
export function bytesIn(directory) {
  if (!existsSync(directory)) return 0
  return readdirSync(directory, { recursive: true })
    .map((file) => statSync(path.join(directory, file), { throwIfNoEntry: false }))
    .reduce((sum, entry) => sum + (entry?.isFile() ? entry.size : 0), 0)
}
