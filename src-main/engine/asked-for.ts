/**
 * A project comes from anywhere, and its labellings name commands, endpoints and keys. A command is run, and an endpoint
 * asked, with a key or without, only where somebody on this machine has asked for exactly that: with their own words in
 * the terminal, or after the window has shown it in full, as its forms may begin with a project's own settings. What was
 * asked for is kept in the data directory and in no project.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { StudioError } from '../contract/errors.ts'
import { keep, readKept } from './kept-json.ts'

/** A command with its arguments, or the origin that a kept key (null: none) and the texts go to. */
export type Door = { command: string; arguments: string[] } | { origin: string; key: string | null }

const programs = z.array(z.strictObject({ command: z.string(), arguments: z.array(z.string()) }))
const endpoints = z.array(z.strictObject({ origin: z.string(), key: z.string().nullable() }))

export class AskedFor {
  readonly #programs: string
  readonly #endpoints: string

  constructor(dataDirectory: string) {
    this.#programs = join(dataDirectory, 'programs.json')
    this.#endpoints = join(dataDirectory, 'endpoints.json')
  }

  /** What of these nobody has asked for yet, in words, each once. */
  missing(doors: readonly Door[]): string[] {
    return [...new Set(doors.filter((door) => !this.#has(door)).map(doorWords))]
  }

  /** A person was shown the words of what was missing, and wants it. @throws StudioError 'not-usable' for what is missing and was not shown; then nothing is added */
  addShown(doors: readonly Door[], shown: readonly string[]): void {
    const hidden = doors.find((door) => !this.#has(door) && !shown.includes(doorWords(door)))
    if (hidden !== undefined) this.require(hidden)
    this.add(...doors)
  }

  /** Only where a person's own words name it. */
  add(...doors: readonly Door[]): void {
    for (const door of doors) {
      if (this.#has(door)) continue
      if ('command' in door) keep(this.#programs, [...this.#keptPrograms(), door])
      else keep(this.#endpoints, [...this.#keptEndpoints(), door])
    }
  }

  /** @throws StudioError 'not-usable' for what nobody has asked for */
  require(door: Door): void {
    if (this.#has(door)) return
    const how = 'command' in door ? 'label with this command once yourself' : 'label with this judge once yourself, or start an evaluation that measures by it'
    throw new StudioError('not-usable', `this project would ${doorWords(door)}, which nobody on this machine has asked for; to allow it, ${how}`)
  }

  /** Another key of this name may be meant for other endpoints. */
  forgetKey(name: string): void {
    const kept = this.#keptEndpoints()
    const left = kept.filter(({ key }) => key !== name)
    if (left.length < kept.length) keep(this.#endpoints, left)
  }

  // read anew each time: window and terminal may both be at work
  #has(door: Door): boolean {
    if (!('command' in door)) return this.#keptEndpoints().some(({ origin, key }) => origin === door.origin && key === door.key)
    return this.#keptPrograms().some((one) => commandLine(one) === commandLine(door))
  }

  #keptPrograms(): z.output<typeof programs> {
    return readKept(this.#programs, programs, [])
  }

  #keptEndpoints(): z.output<typeof endpoints> {
    return readKept(this.#endpoints, endpoints, [])
  }
}

/** What a door does, as it completes "this project would": in full, and no two alike. */
function doorWords(door: Door): string {
  if ('command' in door) return `run ${commandLine(door)}`
  return door.key === null ? `send texts to ${door.origin}` : `send the key ${door.key} and texts to ${door.origin}`
}

/** Each word quoted, and what cannot be seen or turns the line around written as its number, so that no two commands look the same. */
export function commandLine({ command, arguments: words }: { command: string; arguments: string[] }): string {
  return [command, ...words].map((word) => JSON.stringify(word).replaceAll(unseen, escaped)).join(' ')
}

/** Controls, marks of direction, spaces that are none, fillers. */
const unseen = /[\p{C}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u115f\u1160\u3164\uffa0\u034f\p{Variation_Selector}]/gu
const escaped = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
