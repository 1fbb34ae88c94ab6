/** The evaluations of the project: the list, the one in front, and the responses behind its table. */
import type { MethodChoice } from '../../src-main/contract/control.ts'
import type { Evaluation, EvaluationFormat, EvaluationResponse, Metric, ResponseOrder } from '../../src-main/contract/evaluate.ts'
import type { Input, Output } from '../../src-main/contract/methods.ts'
import { chat } from './chat.svelte.ts'
import { call } from './connection.ts'
import { throttled } from './debounce.ts'
import { deletions } from './deletions.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { navigation } from './navigation.svelte.ts'
import { notices } from './notices.svelte.ts'
import { PagedRows } from './paged.svelte.ts'
import { pick } from './pick.ts'
import { studio } from './studio.svelte.ts'

const extensions: Record<EvaluationFormat, string> = { html: 'html', csv: 'csv', json: 'json', latex: 'tex', settings: 'json' }

class EvaluateStage {
  #all = $state.raw<Evaluation[]>([])
  /** without those that are being deleted */
  list = $derived(this.#all.filter(({ id }) => !deletions.has(`evaluation ${id}`)))
  /** What can be measured of responses. */
  metrics = $state.raw<Metric[]>([])
  selected = $state<number | null>(null)
  view = $state<'new' | 'results' | 'extend'>('new')
  tab = $state<'table' | 'figures' | 'responses' | 'compare'>('table')
  readonly responses = new PagedRows<EvaluationResponse>()
  order = $state.raw<ResponseOrder | null>(null)
  /** the prompt in front, in that order */
  index = $state<number | null>(null)
  /** the row of the table in front */
  row = $state(0)

  evaluation = $derived(this.list.find((one) => one.id === this.selected))
  response = $derived(this.index === null ? undefined : this.responses.rows.at(this.index))
  /** the evaluation that runs or waits */
  job = $derived(jobs.activeOf('evaluate'))
  /** the last run of the one in front; one without a number yet is that of a start a moment ago */
  ownJob = $derived(jobs.list.findLast((job) => job.kind === 'evaluate' && job.subject === this.selected))

  /** While it runs its responses grow under the one in front, which stays there. */
  #reread = throttled(() => void this.#load(this.index ?? 0), 3000)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.#all = []
        this.select(null)
        this.view = 'new'
      }
      if (studio.project !== null) void this.refresh()
    })
    jobs.onEnd('evaluate', (job) => void this.refresh(job.subject))
  }

  async enter(): Promise<void> {
    this.metrics = (await notices.guard(() => call('evaluate.metrics', {}))) ?? this.metrics
  }

  async refresh(show: number | null = null): Promise<void> {
    const before = this.list.length
    this.#all = (await notices.guard(() => call('evaluate.list', {}))) ?? this.#all
    if (before === 0 && this.list.length > 0 && this.job === undefined) this.view = 'results'
    const next = pick(this.list, show, this.selected)
    if (next !== this.selected || show !== null) this.select(next)
  }

  /** A run was started: it is in front as soon as it has a number. */
  follow(): void {
    this.view = 'results'
    this.select(null)
  }

  /** The running job has a number, or more responses than before. */
  progressed(): void {
    const subject = this.job?.subject ?? null
    if (subject === null) return
    if (!this.list.some((one) => one.id === subject)) void this.refresh(this.view === 'results' ? subject : null)
    else if (subject === this.selected) this.#reread()
  }

  show(evaluation: number): void {
    this.view = 'results'
    if (evaluation !== this.selected) this.select(evaluation)
  }

  select(evaluation: number | null): void {
    this.index = null
    this.selected = evaluation
    this.tab = 'table'
    this.row = 0
    this.order = null
    void this.#load(0)
  }

  /** The responses behind a figure of the table, the highest or the lowest first. */
  showResponses(order: ResponseOrder | null): void {
    this.order = order
    if (order !== null) this.row = order.method
    this.tab = 'responses'
    this.index = null
    void this.#load(0)
  }

  /** @param index the prompt to be in front afterwards */
  async #load(index: number): Promise<void> {
    const { selected: evaluation, order } = this
    if (index !== this.index) this.index = null
    const current = await this.responses.load(
      evaluation === null
        ? null
        : async (offset, limit) => {
            const { total, responses } = await call('evaluate.responses', { evaluation, order, offset, limit })
            return { total, rows: responses }
          }
    )
    if (!current) return
    const shown = this.index ?? index // the person may have gone on meanwhile
    this.index = this.responses.total === 0 ? null : Math.min(shown, this.responses.total - 1)
    this.responses.need(shown, shown + 1)
  }

  /** It vanishes at once and can be taken back for a while; one that a job works on stays, with the reason. */
  async delete({ id }: Evaluation): Promise<void> {
    const gone = await deletions.ask(`evaluation ${id}`, `Evaluation #${id}`, () => call('evaluate.delete', { evaluation: id, check: true }), async () => {
      await call('evaluate.delete', { evaluation: id })
      this.#all = this.#all.filter((one) => one.id !== id)
    })
    if (!gone || this.selected !== id) return
    const next = pick(this.list, null, null)
    if (next === null) this.view = 'new'
    this.select(next)
  }

  async openReport(evaluation: number): Promise<void> {
    await notices.guard(() => call('dialog.openReport', { evaluation }))
  }

  /** Asks where to and writes the file. @returns whether it was written */
  async export(evaluation: Evaluation, format: EvaluationFormat): Promise<boolean> {
    const extension = extensions[format]
    const name = `${evaluation.datasetName.replaceAll(/[\\/:*?"<>|]/g, '-')}-evaluation-${evaluation.id}${format === 'settings' ? '-settings' : ''}.${extension}`
    const written = await notices.guard(async () => {
      const file = await call('dialog.save', { title: 'Export the evaluation', name, extensions: [extension] })
      if (file === null) return false
      await call('evaluate.export', { evaluation: evaluation.id, format, file })
      notices.add('info', `Evaluation #${evaluation.id} was written to ${file}.`)
      return true
    })
    return written ?? false
  }

  async compare(input: Input<'evaluate.compare'>): Promise<Output<'evaluate.compare'> | undefined> {
    return await notices.guard(() => call('evaluate.compare', input))
  }

  /** The first method and this one beside one another in the chat, with the settings that the table has. */
  openInChat(row: number): void {
    const methods = this.evaluation?.table?.methods
    const chosen = [methods?.[0], row === 0 ? undefined : methods?.[row]].filter((one) => one !== undefined)
    chat.show(chosen.map(({ name, settings }): MethodChoice => ({ name, settings })))
    navigation.go('chat')
  }
}

export const evaluate = new EvaluateStage()
