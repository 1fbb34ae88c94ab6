/** The evaluate stage: settings of the next evaluation, the list, and the responses of the selected one. */
import type { Evaluation, EvaluationResponse, EvaluateSettings } from '../../src-main/contract/entities.ts'
import { call } from './connection.ts'
import { control } from './control.svelte.ts'
import { data } from './data.svelte.ts'
import * as defaults from './defaults.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { PagedRows } from './paged.svelte.ts'
import { reward } from './reward.svelte.ts'
import { studio } from './studio.svelte.ts'
import { train } from './train.svelte.ts'

class EvaluateStage {
  settings = $state<EvaluateSettings>(defaults.evaluateSettings(0))
  list = $state.raw<Evaluation[]>([])
  selected = $state<number | null>(null)
  readonly responses = new PagedRows<EvaluationResponse>()
  index = $state<number | null>(null)

  evaluation = $derived(this.list.find((one) => one.id === this.selected))
  response = $derived(this.index === null ? undefined : this.responses.rows[this.index])
  job = $derived(jobs.activeOf('evaluate'))
  ready = $derived(this.settings.dataset > 0 && this.settings.methods.length > 0 && this.settings.methods.every((choice) => control.complete(choice)))

  constructor() {
    studio.onProjectChange((other) => {
      if (other) {
        this.list = []
        this.selected = null
        this.settings = defaults.evaluateSettings(0)
      }
      if (studio.project !== null) void this.refresh()
    })
    jobs.onEnd('evaluate', (job) => void this.refresh(job.subject))
  }

  async enter(): Promise<void> {
    if (control.methods.length === 0) await control.load()
    if (train.list.length === 0) await train.refresh()
    if (this.settings.methods.length === 0) this.settings.methods = control.beginnings()
    if (!data.datasets.some((one) => one.id === this.settings.dataset)) this.settings.dataset = data.selected ?? 0
    if (reward.sources.length > 0 && !reward.sources.some((source) => source.name === this.settings.source)) {
      this.settings.source = reward.sources[0]?.name ?? 'tone'
    }
  }

  async refresh(show: number | null = null): Promise<void> {
    this.list = (await notices.guard(() => call('evaluate.list', {}))) ?? this.list
    const next = show ?? this.selected ?? this.list.at(-1)?.id ?? null
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
