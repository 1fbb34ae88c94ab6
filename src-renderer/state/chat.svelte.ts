/** The chat stage: its panes, its turns, and the answer that is being generated. */
import type { MethodChoice, RatingValue, Sampling } from '../../src-main/contract/entities.ts'
import { call, on, onConnect, RequestFailure } from './connection.ts'
import { control, sameChoices } from './control.svelte.ts'
import { throttled } from './debounce.ts'
import { data } from './data.svelte.ts'
import { navigation } from './navigation.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'
import { train } from './train.svelte.ts'
import { Pane, Turn } from './turn.svelte.ts'

export const mostPanes = 4
const pageOfTurns = 20

export interface PaneChoice extends MethodChoice {
  key: number
}

class ChatStage {
  panes = $state<PaneChoice[]>([])
  turns = $state.raw<Turn[]>([])
  earlier = $state(false)
  prompt = $state('')
  maxTokens = $state(0)
  seed = $state(1)
  deterministic = $state(false)
  sampling = $state<Sampling>()!
  view = $state<'text' | 'diff' | 'colours' | 'numbers'>('colours')
  /** Answers with a thumb, of all turns. */
  rated = $state(0)

  current = $derived(this.turns.findLast((turn) => turn.streaming))
  ready = $derived(this.panes.length > 0 && this.panes.every((pane) => control.complete(pane)))

  #keys = 0
  #stored = 0
  /** The panes as they were set up; null once a message was sent to them. */
  #begun: MethodChoice[] | null = []
  /** A dozen times a second is smooth to read, whatever the model's speed. */
  #flush = throttled(() => {
    for (const pane of this.current?.panes ?? []) pane.flush()
  }, 80)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.turns = []
        this.panes = []
        this.#stored = 0
        this.#begun = []
        if (studio.settings !== null) {
          this.maxTokens = studio.settings.evaluate.maxTokens
          this.sampling = studio.settings.evaluate.sampling
        }
        this.#ended()
      }
      if (other) this.rated = 0
      if (studio.project !== null && other) {
        void this.loadTurns()
        void this.#countRated()
      }
    })
    onConnect((again) => {
      if (again) this.#end('The engine was restarted before the answer was complete.')
    })
    on('chat.token', ({ turn, pane, step }) => {
      this.#find(turn)?.panes[pane]?.arrive(step)
      this.#flush()
    })
    on('chat.pane', ({ turn, pane, text, ...end }) => this.#find(turn)?.panes[pane]?.end(text, end))
    on('chat.done', ({ turn, failure }) => {
      if (this.#find(turn) !== undefined) this.#end(failure)
    })
  }

  /** Sets up the panes; those that the person has left alone follow the newest value function. */
  async enter(): Promise<void> {
    if (control.methods.length === 0) await control.load()
    if (train.list.length === 0) await train.refresh()
    const beginnings = control.beginnings()
    if (this.#begun === null || !sameChoices(this.panes, this.#begun) || sameChoices(this.panes, beginnings)) return
    this.#begun = beginnings
    this.panes = []
    for (const choice of beginnings) this.addPane(choice)
  }

  addPane(choice: MethodChoice): void {
    if (this.panes.length < mostPanes) this.panes.push({ ...choice, key: ++this.#keys })
  }

  /** These methods in the panes, whatever was there before. */
  show(choices: readonly MethodChoice[]): void {
    this.#begun = null
    this.panes = []
    for (const { name, settings } of choices) this.addPane({ name, settings: { ...settings } })
  }

  removePane(key: number): void {
    if (this.panes.length > 1) this.panes = this.panes.filter((pane) => pane.key !== key)
  }

  async loadTurns(): Promise<void> {
    const stored = await notices.guard(() => call('chat.turns', { offset: this.#stored, limit: pageOfTurns }))
    if (stored === undefined) return
    this.#stored += stored.length
    this.earlier = stored.length === pageOfTurns
    const known = new Set(this.turns.map((turn) => turn.id))
    const older = stored.filter((turn) => !known.has(turn.turn)).sort((a, b) => a.turn - b.turn)
    this.turns = [...older.map((turn) => Turn.stored(turn)), ...this.turns]
  }

  async send(): Promise<void> {
    const prompt = this.prompt.trim()
    if (prompt === '' || !this.ready || this.current !== undefined) return
    const choices: MethodChoice[] = this.panes.map(({ name, settings }) => ({ name, settings: $state.snapshot(settings) }))
    const turn = new Turn(prompt, this.seed, choices.map((choice) => new Pane(choice)))
    turn.streaming = true
    this.turns = [...this.turns, turn]
    this.#stored += 1
    this.prompt = ''
    this.#begun = null
    navigation.chatting = true
    try {
      const { turn: id } = await call('chat.send', { prompt, panes: choices, maxTokens: this.maxTokens, seed: this.seed, deterministic: this.deterministic, sampling: this.sampling })
      turn.id ??= id
    } catch (error) {
      this.turns = this.turns.filter((other) => other !== turn)
      this.#stored -= 1
      if (this.prompt === '') this.prompt = prompt
      this.#ended()
      if (!(error instanceof RequestFailure && error.code === 'cancelled')) notices.report(error)
    }
  }

  async stop(): Promise<void> {
    if (this.current !== undefined) await notices.guard(() => call('chat.stop', {}))
  }

  /** A thumb for an answer; the same one again takes it back. */
  async rate(turn: Turn, index: number, thumb: 1 | -1): Promise<void> {
    const pane = turn.panes[index]
    if (pane === undefined || turn.id === null) return
    const before = pane.rating
    const value: RatingValue | null = before === thumb ? null : thumb
    pane.rating = value
    const kept = await notices.guard(() => call('chat.rate', { turn: turn.id ?? 0, pane: index, value }))
    if (kept === undefined) pane.rating = before
    await this.#countRated()
  }

  async toDataset(): Promise<void> {
    const dataset = await notices.guard(() => call('chat.toDataset', {}))
    if (dataset === undefined) return
    await data.refresh(dataset.id)
    notices.add('info', `${dataset.name} is a data set now, with ${dataset.examples === 1 ? 'one example' : `${dataset.examples} examples`}. Collect its chosen or rejected answers to train on them.`)
  }

  async #countRated(): Promise<void> {
    this.rated = (await notices.guard(() => call('chat.rated', {})))?.answers ?? this.rated
  }

  /** The turn of that number. The first tokens may come before chat.send has answered with it. */
  #find(id: number): Turn | undefined {
    const known = this.turns.findLast((turn) => turn.id === id)
    if (known !== undefined) return known
    const waiting = this.turns.findLast((turn) => turn.streaming && turn.id === null)
    if (waiting !== undefined) waiting.id = id
    return waiting
  }

  #end(failure: string | null): void {
    const turn = this.current
    if (turn === undefined) return
    for (const pane of turn.panes) pane.flush()
    turn.failure = failure
    turn.streaming = false
    this.#ended()
  }

  #ended(): void {
    navigation.chatting = false
  }
}

export const chat = new ChatStage()
