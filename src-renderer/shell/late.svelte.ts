/**
 * Parts of the window that are loaded after its first screen, so that this can be used sooner. Each is a script of its own.
 */
import type { Component } from 'svelte'

type Scripts<Part extends string> = Record<Part, () => Promise<{ default: Component }>>

export class Late<Part extends string> {
  readonly #scripts: Scripts<Part>
  #there = $state.raw<Partial<Record<Part, Component>>>({})
  readonly #asked = new Map<Part, Promise<void>>()

  constructor(scripts: Scripts<Part>) {
    this.#scripts = scripts
  }

  /** null until it is there; asking for it loads it. */
  of(part: Part): Component | null {
    const there = this.#there[part]
    if (there === undefined) void this.#load(part)
    return there ?? null
  }

  has(part: Part): boolean {
    return this.#there[part] !== undefined
  }

  /** All of them, one after the other, while the person does nothing: what is asked for a moment later is there. */
  async loadAll(): Promise<void> {
    for (const part of Object.keys(this.#scripts) as Part[]) {
      await new Promise((idle) => requestIdleCallback(idle, { timeout: 1000 }))
      await this.#load(part)
    }
  }

  #load(part: Part): Promise<void> {
    const asked = this.#asked.get(part) ?? this.#scripts[part]().then(({ default: component }) => void (this.#there = { ...this.#there, [part]: component }))
    this.#asked.set(part, asked)
    return asked
  }
}
