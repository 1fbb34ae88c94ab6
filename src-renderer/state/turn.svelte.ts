/** One prompt and its answers, while they stream in and afterwards. */
import type { AnswerEnd, ChatTurn } from '../../src-main/contract/chat.ts'
import type { MethodChoice, TokenReading, TokenStep } from '../../src-main/contract/control.ts'
import type { RatingValue } from '../../src-main/contract/rating.ts'

/** What is known of the answer beyond what its generation told: see readAgain. */
export type Reading = { state: 'none' | 'running' } | { state: 'read'; note: string | null } | { state: 'failed'; reason: string }

export class Pane {
  readonly method: MethodChoice
  text = $state('')
  steps = $state.raw<TokenStep[]>([])
  finish = $state<'end' | 'length' | 'stopped' | null>(null)
  tokensPerSecond = $state<number | null>(null)
  reward = $state<number | null>(null)
  /** the thumb: 1 up, -1 down */
  rating = $state<RatingValue | null>(null)
  reading = $state.raw<Reading>({ state: 'none' })
  #arrived: TokenStep[] = []
  #first = 0

  constructor(method: MethodChoice, text = '', steps: TokenStep[] = []) {
    this.method = method
    this.text = text
    this.steps = steps
    if (steps.length > 0 && steps.every((step) => step.reading !== undefined)) this.reading = { state: 'read', note: null }
  }

  /** Mean |dh|/|h| over the edited tokens; null where nothing was edited. */
  edit = $derived.by(() => {
    const edits = this.steps.flatMap((step) => (step.edit === null ? [] : [step.edit]))
    return edits.length === 0 ? null : edits.reduce((sum, edit) => sum + edit, 0) / edits.length
  })
  hasValues = $derived(this.steps.some((step) => step.valueAfter !== null || step.valueBefore !== null))

  /** Over the tokens that were read again: mean KL to the base, null without one, and how often the top token is another. */
  read = $derived.by(() => {
    const read = this.steps.flatMap(({ reading }) => reading ?? [])
    if (read.length === 0) return null
    const kls = read.flatMap(({ kl }) => kl ?? [])
    return {
      kl: kls.length === 0 ? null : kls.reduce((sum, kl) => sum + kl, 0) / kls.length,
      changed: kls.length === 0 ? null : read.filter(topChanged).length
    }
  })

  arrive(step: TokenStep): void {
    if (this.#first === 0) this.#first = performance.now()
    this.#arrived.push(step)
  }

  /** Shows what arrived since the last time. */
  flush(): void {
    if (this.#arrived.length === 0) return
    this.text += this.#arrived.map((step) => step.text).join('')
    this.steps = [...this.steps, ...this.#arrived]
    this.#arrived = []
    const seconds = (performance.now() - this.#first) / 1000
    if (seconds > 0.5) this.tokensPerSecond = this.steps.length / seconds
  }

  end(text: string, { finish, tokensPerSecond, reward }: AnswerEnd): void {
    this.flush()
    this.text = text
    this.finish = finish
    this.tokensPerSecond = tokensPerSecond
    this.reward = reward
  }
}

/** Whether the method thought another token most probable than the base model. */
export function topChanged({ top, baseTop }: TokenReading): boolean {
  return top !== null && top.token !== baseTop.token
}

export class Turn {
  /** null until the engine gave it a number. */
  id: number | null = $state(null)
  /** the turn that it goes on from */
  parent: number | null = null
  /** turns at its place of the conversation, itself included, the oldest first */
  siblings = $state.raw<number[]>([])
  readonly prompt: string
  readonly seed: number
  readonly panes: Pane[]
  streaming = $state(false)
  failure = $state<string | null>(null)

  constructor(prompt: string, seed: number, panes: Pane[]) {
    this.prompt = prompt
    this.seed = seed
    this.panes = panes
  }

  static stored(stored: ChatTurn): Turn {
    const turn = new Turn(
      stored.prompt,
      stored.seed,
      stored.panes.map(({ method, text, steps, end, rating }) => {
        const pane = new Pane(method, text, steps)
        if (end !== null) pane.end(text, end)
        pane.rating = rating
        return pane
      })
    )
    turn.id = stored.turn
    turn.parent = stored.parent
    turn.siblings = stored.siblings
    turn.failure = stored.failure
    return turn
  }

  /** The pane that the others are compared with: the base model's, or else the first. */
  base = $derived.by(() => this.panes.find((pane) => pane.method.name === 'base') ?? this.panes[0])

  #low = $derived.by(() => Math.min(...this.panes.map((pane) => extreme(pane, Math.min, Infinity))))
  #high = $derived.by(() => Math.max(...this.panes.map((pane) => extreme(pane, Math.max, -Infinity))))

  /** The lowest and the highest value over all panes, so that one colour means the same in each; another one only where they change. */
  range = $derived(this.#low <= this.#high ? { low: this.#low, high: this.#high } : null)
}

function extreme({ steps }: Pane, of: (a: number, b: number) => number, none: number): number {
  return steps.reduce((found, { valueAfter, valueBefore }) => of(found, valueAfter ?? valueBefore ?? none), none)
}
