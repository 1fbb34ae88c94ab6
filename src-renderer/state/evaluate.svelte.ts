/** The evaluate stage: settings of the next evaluation, the list, and the responses of the selected one. */
import type { Evaluation, EvaluationResponse, EvaluateSettings, MethodChoice } from '../../src-main/contract/entities.ts'
import { call } from './connection.ts'
import { control, sameChoices } from './control.svelte.ts'
import { data } from './data.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { PagedRows } from './paged.svelte.ts'
import { pick } from './pick.ts'
import { studio } from './studio.svelte.ts'
import { train } from './train.svelte.ts'

class EvaluateStage {
  /** From the project's settings; no form is shown before there is one. */
  settings = $state<EvaluateSettings>()!
  list = $state.raw<Evaluation[]>([])
  selected = $state<number | null>(null)
  readonly responses = new PagedRows<EvaluationResponse>()
  index = $state<number | null>(null)
  /** What responses can be scored with. */
  rewards = $state.raw<{ name: string; title: string }[]>([])
  /** The methods as the form began with them: those that a person has not changed follow the newest value function. */
  #begun: MethodChoice[] = []

  evaluation = $derived(this.list.find((one) => one.id === this.selected))
  response = $derived(this.index === null ? undefined : this.responses.rows.at(this.index))
  job = $derived(jobs.activeOf('evaluate'))
  ready = $derived(this.settings.dataset > 0 && this.settings.source !== '' && this.settings.methods.length > 0 && this.settings.methods.every((choice) => control.complete(choice)))

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.list = []
        this.selected = null
        if (studio.settings !== null) this.settings = { ...studio.settings.evaluate, dataset: 0, source: '', sourceSettings: null, methods: [], sweep: null, further: [], metrics: [] }
        this.#begun = []
      }
      if (studio.project !== null) void this.refresh()
    })
    jobs.onEnd('evaluate', (job) => void this.refresh(job.subject))
  }

  async enter(): Promise<void> {
    if (control.methods.length === 0) await control.load()
    if (train.list.length === 0) await train.refresh()
    const beginnings = control.beginnings()
    if (sameChoices(this.settings.methods, this.#begun) && !sameChoices(this.#begun, beginnings)) {
      this.#begun = beginnings
      this.settings.methods = control.beginnings()
    }
    if (!data.datasets.some((one) => one.id === this.settings.dataset)) this.settings.dataset = data.selected ?? 0
    this.rewards = (await notices.guard(() => call('reward.usable', {}))) ?? this.rewards
    if (!this.rewards.some((one) => one.name === this.settings.source)) this.settings.source = this.rewards[0]?.name ?? ''
  }

  async refresh(show: number | null = null): Promise<void> {
    this.list = (await notices.guard(() => call('evaluate.list', {}))) ?? this.list
    const next = pick(this.list, show, this.selected)
    if (next !== this.selected || show !== null) this.select(next)
  }

  select(evaluation: number | null): void {
    this.selected = evaluation
    this.index = null
    void this.responses
      .load(
        evaluation === null
          ? null
          : async (offset, limit) => {
              const { total, responses } = await call('evaluate.responses', { evaluation, offset, limit })
              return { total, rows: responses }
            }
      )
      .then(() => {
        if (this.responses.total > 0 && this.index === null) this.index = 0
      })
  }

  async start(): Promise<void> {
    const job = await notices.guard(() => call('evaluate.start', this.settings))
    if (job !== undefined) jobs.take(job)
  }

  async openReport(evaluation: number): Promise<void> {
    await notices.guard(() => call('dialog.openReport', { evaluation }))
  }
}

export const evaluate = new EvaluateStage()
