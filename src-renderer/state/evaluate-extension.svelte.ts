/** What a finished evaluation is to have beside what it has: more methods, metrics or seeds. */
import type { MethodChoice } from '../../src-main/contract/control.ts'
import type { Evaluation, MetricChoice } from '../../src-main/contract/evaluate.ts'
import { asking } from './asking.svelte.ts'
import { call } from './connection.ts'
import { methodFault, metricFault } from './evaluate-draft.svelte.ts'
import { evaluate } from './evaluate.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'

export class EvaluateExtension {
  readonly evaluation: Evaluation
  methods = $state<MethodChoice[]>([])
  metrics = $state<MetricChoice[]>([])
  seeds = $state(1)
  starting = $state(false)

  faults = $derived.by((): Record<string, string> => {
    const { settings } = this.evaluation
    const found = [
      ...this.methods.map((_, i): [string, string | null] => [`method ${i}`, methodFault(this.methods, i, [...settings.methods, ...settings.further])]),
      ...this.metrics.map((_, i): [string, string | null] => [`metric ${i}`, metricFault(this.metrics, i, settings.metrics)]),
      ['methods', this.methods.length + (this.evaluation.table?.methods.length ?? 0) > 256 ? 'More than 256 methods cannot be evaluated at once.' : null] as [string, string | null],
      ['seeds', this.seeds < settings.seeds ? `It has ${settings.seeds} already.` : null] as [string, string | null]
    ]
    return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== null))
  })
  /** Whether anything is to be added. */
  any = $derived.by(() => this.methods.length > 0 || this.metrics.length > 0 || this.seeds > this.evaluation.settings.seeds)

  constructor(evaluation: Evaluation) {
    this.evaluation = evaluation
    this.seeds = evaluation.settings.seeds
  }

  async start(): Promise<void> {
    if (this.starting || !this.any || Object.keys(this.faults).length > 0) return
    this.starting = true
    const { evaluation } = this
    const metrics = $state.snapshot(this.metrics)
    const job = await notices.guard(async () => {
      const allow = await asking.confirm({ metrics })
      if (allow === null) return undefined
      return call('evaluate.extend', {
        evaluation: evaluation.id,
        methods: $state.snapshot(this.methods),
        metrics,
        seeds: this.seeds > evaluation.settings.seeds ? this.seeds : null,
        allow
      })
    })
    this.starting = false
    if (job === undefined) return
    evaluate.show(evaluation.id)
    jobs.take(job)
  }
}
