/** The chat stage: its panes, the conversation in front, and the answer that is being generated. */
import { SvelteMap } from 'svelte/reactivity'
import type { ChatTurn } from '../../src-main/contract/chat.ts'
import type { MethodChoice } from '../../src-main/contract/control.ts'
import type { Sampling } from '../../src-main/contract/shared.ts'
import { call, on, onConnect, RequestFailure } from './connection.ts'
import { control, sameChoices } from './control.svelte.ts'
import { throttled } from './debounce.ts'
import { conversations } from './conversations.svelte.ts'
import { navigation } from './navigation.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'
import { train } from './train.svelte.ts'
import { Pane, Turn } from './turn.svelte.ts'

export const mostPanes = 4
const pageOfTurns = 20
/** where one of them is looked for, as much as a request gives */
const mostTurns = 100
const foldedKey = 'chat.folded'

export interface PaneChoice extends MethodChoice {
  key: number
}

class ChatStage {
  panes = $state<PaneChoice[]>([])
  /** The conversation in front; null: a new one, which begins with the next message. */
  conversation = $state<number | null>(null)
  title = $state('')
  /** One way through it, the oldest turn first. */
  turns = $state.raw<Turn[]>([])
  earlier = $state(false)
  /** Whether turns that come after the last one shown were put aside to go on from there. */
  aside = $state(false)
  /** The turn that is being answered, in whichever conversation; there is one at most. */
  live = $state.raw<Turn | null>(null)
  /** The conversation that it is in. */
  answering = $state<number | null>(null)
  /** What was sent before, for the arrow keys. */
  sent = $state.raw<string[]>([])
  maxTokens = $state(0)
  seed = $state(1)
  deterministic = $state(false)
  sampling = $state<Sampling>()!
  view = $state<'text' | 'diff' | 'colours' | 'numbers'>('colours')
  /** The turn that is to come into view. */
  reveal = $state<number | null>(null)
  /** Whether the panes show their methods without the settings; kept for the next time. */
  folded = $state(localStorage.getItem(foldedKey) === 'yes')
  /** Counts the occasions on which the prompt box is to have the focus. */
  focus = $state(0)

  /** The turn that is being answered, where it is in front. */
  current = $derived(this.live !== null && this.turns.includes(this.live) ? this.live : undefined)
  ready = $derived(this.panes.length > 0 && this.panes.every((pane) => control.complete(pane)))

  #keys = 0
  /** What was begun and not sent, by conversation; null is the next new one. */
  #drafts = new SvelteMap<number | null, string>()
  /** Of the requests for a way through a conversation only the newest counts. */
  #asked = 0
  /** The panes as they were set up; null once a message was sent to them. */
  #begun: MethodChoice[] | null = []
  /** A dozen times a second is smooth to read, whatever the model's speed. */
  #flush = throttled(() => {
    for (const pane of this.live?.panes ?? []) pane.flush()
  }, 80)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.#end(null)
        this.#clear()
        this.panes = []
        this.sent = []
        this.#drafts.clear()
        this.#begun = []
        if (studio.settings !== null) {
          this.maxTokens = studio.settings.evaluate.maxTokens
          this.sampling = studio.settings.evaluate.sampling
        }
      }
      if (studio.project === null) return
      void (other ? this.#openNewest() : this.#reload())
    })
    onConnect((again) => {
      if (again) this.#end('The engine was restarted before the answer was complete')
    })
    on('chat.token', ({ turn, pane, step }) => {
      if (!this.#isLive(turn)) return
      this.live?.panes[pane]?.arrive(step)
      this.#flush()
    })
    on('chat.pane', ({ turn, pane, text, ...end }) => {
      if (this.#isLive(turn)) this.live?.panes[pane]?.end(text, end)
    })
    on('chat.done', ({ turn, failure }) => {
      if (!this.#isLive(turn)) return
      this.#end(failure)
      void conversations.refresh()
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

  /** What stands in the box of the conversation in front. */
  get prompt(): string {
    return this.#drafts.get(this.conversation) ?? ''
  }

  set prompt(text: string) {
    this.#draft(this.conversation, text)
  }

  #draft(conversation: number | null, text: string): void {
    if (text === '') this.#drafts.delete(conversation)
    else this.#drafts.set(conversation, text)
  }

  toggleFolded(): void {
    this.folded = !this.folded
    localStorage.setItem(foldedKey, this.folded ? 'yes' : 'no')
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

  /** The panes as a request takes them. */
  choices(): MethodChoice[] {
    return this.panes.map(({ name, settings }) => ({ name, settings: $state.snapshot(settings) }))
  }

  removePane(key: number): void {
    if (this.panes.length > 1) this.panes = this.panes.filter((pane) => pane.key !== key)
  }

  /** A new conversation; the panes stay. */
  begin(): void {
    this.#clear()
    this.focus += 1
  }

  /**
   * Brings a conversation in front, with the methods that answered it last in the panes.
   * @param found the turn to show of it; null: the newest
   */
  async open(conversation: number, found: number | null = null): Promise<void> {
    if (conversation === this.conversation && (found === null || this.turns.some(({ id }) => id === found))) {
      this.reveal = found
      return
    }
    if (!(await this.#load(conversation, found, found === null ? pageOfTurns : mostTurns))) return
    while (found !== null && this.earlier && !this.turns.some(({ id }) => id === found)) if (!(await this.loadEarlier(mostTurns))) break
    if (this.conversation !== conversation) return
    this.reveal = found
    const last = this.turns.at(-1)
    if (last !== undefined) this.show(last.panes.map(({ method }) => method))
    this.sent = this.turns.map(({ prompt }) => prompt)
  }

  /** Another turn at the place of this one, `step` further among its siblings, and what came after it. */
  async showSibling(turn: Turn, step: 1 | -1): Promise<void> {
    const sibling = turn.siblings[turn.siblings.indexOf(turn.id ?? 0) + step]
    if (sibling !== undefined && this.conversation !== null) await this.#load(this.conversation, sibling)
  }

  /** @returns whether there are more turns now */
  async loadEarlier(limit = pageOfTurns): Promise<boolean> {
    const { conversation, turns } = this
    const before = turns[0]?.id
    if (conversation === null || before === null || before === undefined) return false
    const path = await notices.guard(() => call('chat.path', { conversation, before, limit }))
    if (path === undefined || this.turns !== turns) return false
    this.turns = [...path.turns.map((turn) => Turn.stored(turn)), ...turns]
    this.earlier = path.earlier
    return path.turns.length > 0
  }

  /** The prompt in the box, after the last turn that is shown. */
  async send(): Promise<void> {
    const { conversation } = this
    const prompt = this.prompt.trim()
    if (prompt === '' || !this.ready || this.live !== null) return
    this.prompt = ''
    if (!(await this.#send(prompt, this.seed, this.turns, [])) && !this.#drafts.has(conversation)) this.#draft(conversation, prompt)
  }

  /** Another prompt at the place of this turn, which stays as its sibling. @returns whether it was sent */
  edit(turn: Turn, prompt: string): Promise<boolean> {
    return this.#sendAt(turn, prompt.trim(), this.seed)
  }

  /** The same prompt from another seed, answered by the panes as they are now. */
  async regenerate(turn: Turn): Promise<void> {
    await this.#sendAt(turn, turn.prompt, 1 + Math.floor(Math.random() * 999_999))
  }

  /** Puts what comes after this turn aside: the next message is another way to go on from it. */
  goOnFrom(turn: Turn): void {
    const at = this.turns.indexOf(turn)
    if (at < 0 || this.live !== null) return
    this.aside = at < this.turns.length - 1 || this.aside
    this.turns = this.turns.slice(0, at + 1)
    this.focus += 1
  }

  async bringBack(): Promise<void> {
    if (this.conversation !== null) await this.#load(this.conversation, this.turns.at(-1)?.id ?? null)
  }

  /** A new conversation with the turns up to this one. */
  async branch(turn: Turn): Promise<void> {
    const made = await notices.guard(() => call('chat.branch', { turn: turn.id ?? 0 }))
    if (made === undefined) return
    await Promise.all([this.#load(made.id, null), conversations.refresh()])
    this.focus += 1
  }

  async rename(title: string): Promise<void> {
    const { conversation } = this
    if (conversation === null || title.trim() === '') return
    const renamed = await conversations.rename(conversation, title)
    if (renamed !== undefined && conversation === this.conversation) this.title = renamed
  }

  /** It can be taken back for a while; what is being answered in it is stopped. */
  async delete(conversation: number, title: string): Promise<void> {
    if (this.answering === conversation) await this.stop()
    if (conversation === this.conversation) this.begin()
    conversations.delete(conversation, title)
  }

  async stop(): Promise<void> {
    if (this.live !== null) await notices.guard(() => call('chat.stop', {}))
    this.focus += 1
  }

  async #sendAt(turn: Turn, prompt: string, seed: number): Promise<boolean> {
    const at = this.turns.indexOf(turn)
    if (at < 0 || turn.id === null || prompt === '' || !this.ready || this.live !== null) return false
    return this.#send(prompt, seed, this.turns.slice(0, at), turn.siblings, turn.parent)
  }

  /**
   * @param before the turns that stay in front of it
   * @param siblings those that are at its place already
   * @param parent where it is not the last of `before`, as that may not be loaded
   */
  async #send(prompt: string, seed: number, before: Turn[], siblings: number[], parent = before.at(-1)?.id ?? null): Promise<boolean> {
    const shown = this.turns
    const choices = this.choices()
    const turn = new Turn(prompt, seed, choices.map((choice) => new Pane(choice)))
    turn.streaming = true
    turn.parent = parent
    this.live = turn
    this.turns = [...before, turn]
    this.#begun = null
    this.#asked += 1
    navigation.chatting = true
    const { conversation } = this
    try {
      const sent = await call('chat.send', { prompt, conversation, parent, panes: choices, maxTokens: this.maxTokens, seed, deterministic: this.deterministic, sampling: this.sampling })
      turn.id ??= sent.turn
      // beside a turn that was put aside there are siblings that are not known here
      if (this.aside && siblings.length === 0) void this.#learnSiblings(turn, sent.conversation)
      else turn.siblings = [...siblings, sent.turn]
      this.answering = sent.conversation
      this.aside = false
      if (this.turns.includes(turn) && this.conversation === null) {
        this.#draft(sent.conversation, this.prompt)
        this.#draft(null, '')
        this.conversation = sent.conversation
        this.title = prompt.replaceAll(/\s+/g, ' ').slice(0, 60)
      }
      this.sent = [...this.sent, prompt]
      this.focus += 1
      void conversations.refresh()
      return true
    } catch (error) {
      if (this.turns.includes(turn)) this.turns = shown
      this.live = null
      navigation.chatting = false
      if (!(error instanceof RequestFailure && error.code === 'cancelled')) notices.report(error)
      return false
    }
  }

  async #learnSiblings(turn: Turn, conversation: number): Promise<void> {
    const path = await notices.guard(() => call('chat.path', { conversation, through: turn.id, limit: 1 }))
    turn.siblings = path?.turns[0]?.siblings ?? turn.siblings
  }

  /** @returns whether it is in front now */
  async #load(conversation: number, through: number | null, limit = pageOfTurns): Promise<boolean> {
    const asked = ++this.#asked
    const path = await notices.guard(() => call('chat.path', { conversation, through, limit }))
    if (path === undefined || asked !== this.#asked) return false
    this.turns = path.turns.map((turn) => this.#shown(turn, path.answering))
    this.earlier = path.earlier
    this.conversation = conversation
    this.title = path.conversation.title
    this.aside = false
    return true
  }

  /** A turn that is being answered stays the one to which its tokens come. */
  #shown(stored: ChatTurn, answering: number | null): Turn {
    if (stored.turn !== answering) return Turn.stored(stored)
    if (this.live?.id === answering) return this.live
    const turn = Turn.stored(stored) // the window was loaded anew meanwhile
    turn.streaming = true
    this.live = turn
    this.answering = stored.conversation
    navigation.chatting = true
    return turn
  }

  async #openNewest(): Promise<void> {
    const newest = await notices.guard(() => call('chat.conversations', { limit: 1 }))
    const [first] = newest?.conversations ?? []
    if (first !== undefined && this.conversation === null && this.turns.length === 0) await this.open(first.id)
  }

  /** After the engine was restarted. */
  async #reload(): Promise<void> {
    if (this.conversation !== null) await this.#load(this.conversation, this.turns.findLast(({ id }) => id !== null)?.id ?? null)
  }

  /** Whether this is the turn that is being answered. The first tokens may come before chat.send has answered with its number. */
  #isLive(id: number): boolean {
    if (this.live === null) return false
    this.live.id ??= id
    return this.live.id === id
  }

  #end(failure: string | null): void {
    const { live } = this
    if (live === null) return
    for (const pane of live.panes) pane.flush()
    live.failure = failure
    live.streaming = false
    this.live = null
    this.answering = null
    navigation.chatting = false
  }

  #clear(): void {
    this.#asked += 1
    this.conversation = null
    this.title = ''
    this.turns = []
    this.earlier = false
    this.aside = false
  }
}

export const chat = new ChatStage()
