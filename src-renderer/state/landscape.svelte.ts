/** The picture of the chosen value function: V over its states' plane, and one state's way up it. */
import type { Response } from '../../src-main/contract/collect.ts'
import type { Landscape, LandscapePath, LandscapePlane } from '../../src-main/contract/landscape.ts'
import type { ValueFunctionDetail } from '../../src-main/contract/value.ts'
import { call } from './connection.ts'
import { throttled } from './debounce.ts'
import { notices } from './notices.svelte.ts'

/** To choose a state from; the best ones first. */
const mostResponses = 50

class LandscapePicture {
  of = $state.raw<ValueFunctionDetail | null>(null)
  surface = $state.raw<Landscape | null>(null)
  responses = $state.raw<Response[]>([])
  path = $state.raw<LandscapePath | null>(null)
  response = $state<number | null>(null)
  token = $state(0)
  alpha = $state(2.5)
  updates = $state(30)
  plane = $state<LandscapePlane>('components')
  loading = $state(false)

  #asked = 0
  readonly #follow = throttled(() => void this.#load(), 60)

  async show(detail: ValueFunctionDetail): Promise<void> {
    const { id, collection, source } = detail
    this.close()
    this.of = detail
    this.loading = true
    const got = await notices.guard(() => Promise.all([call('value.landscape', { id, plane: this.plane }), collection === null ? null : call('collect.responses', { collection, source, order: 'best', limit: mostResponses })]))
    if (this.of !== detail) return
    this.loading = false
    if (got === undefined) return this.close()
    this.surface = got[0]
    this.responses = got[1]?.responses.filter(({ tokens }) => tokens > 0) ?? []
    this.choose(this.responses.at(-1)?.id ?? null)
  }

  close(): void {
    this.of = this.surface = this.path = null
    this.responses = []
    this.loading = false
  }

  /** The same states seen otherwise. */
  async turn(plane: LandscapePlane): Promise<void> {
    const { of } = this
    this.plane = plane
    if (of === null) return
    this.loading = true
    const surface = await notices.guard(() => call('value.landscape', { id: of.id, plane }))
    if (of !== this.of || plane !== this.plane) return
    this.loading = false
    if (surface === undefined) return
    this.path = null
    this.surface = surface
    this.follow()
  }

  choose(response: number | null): void {
    this.response = response
    this.token = 0
    this.follow()
  }

  /** The path again, for what is chosen now. */
  follow(): void {
    this.#follow()
  }

  async #load(): Promise<void> {
    const { of, surface, response, token, alpha, updates } = this
    if (of === null || surface === null || response === null) return
    const { plane } = surface
    const asked = ++this.#asked
    const path = await notices.guard(() => call('value.path', { id: of.id, plane, response, token, alpha, updates }))
    if (path !== undefined && asked === this.#asked && this.surface === surface) this.path = path
  }
}

export const landscape = new LandscapePicture()
