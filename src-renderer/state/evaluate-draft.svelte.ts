/** The next evaluation, as the form has it: what is wrong with it, how large it is, and its start. */
import type { MethodChoice } from '../../src-main/contract/control.ts'
import type { EvaluateSettings, Evaluation, MetricChoice } from '../../src-main/contract/evaluate.ts'
import { defaultSettings, settingFields, type NumberField } from '../ui/schema.ts'
import { asking } from './asking.svelte.ts'
import { call } from './connection.ts'
import { control, sameChoices } from './control.svelte.ts'
import { faultOfSettings, repeats } from './chosen-faults.ts'
import { data } from './data.svelte.ts'
import { evaluate } from './evaluate.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'
import { faultOfValues, valuesOfList, valuesOfRange, type Range } from './sweep-values.ts'
import { train } from './train.svelte.ts'

/** One setting of a sweep and how its values are written. */
export interface Axis {
  setting: string
  by: 'list' | 'range'
  list: string
  range: Range
}

export interface SweepDraft {
  method: MethodChoice
  axes: Axis[]
}

/** Settings that are numbers but stand for something else. */
const notSwept = ['valueFunction', 'seed']

/** What a sweep can go over. */
export function sweepable(method: string): NumberField[] {
  const schema = control.methods.find((one) => one.name === method)?.settings ?? {}
  return settingFields(schema).filter((field): field is NumberField => field.kind === 'number' && !notSwept.includes(field.name))
}

export function metricChoice(name: string): MetricChoice {
  return { name, settings: defaultSettings(evaluate.metrics.find((one) => one.name === name)?.settings ?? {}) }
}

/** What is wrong with one method of a list; null when nothing. `taken` are there already. */
export function methodFault(choices: readonly MethodChoice[], index: number, taken: readonly MethodChoice[] = []): string | null {
  const choice = choices[index]
  const method = control.methods.find((one) => one.name === choice?.name)
  if (choice === undefined || method === undefined) return 'There is no such method.'
  if (!control.complete(choice)) return train.list.length === 0 ? 'It needs a value function: train one first.' : 'Choose a value function.'
  const earlier = repeats([...taken, ...choices], taken.length + index)
  const fault = faultOfSettings(method.settings, choice.settings)
  if (fault !== null || earlier === -1) return fault
  return earlier < taken.length ? 'It is in the table already, with the same settings.' : `The same as method ${earlier - taken.length + 1}, with the same settings.`
}

export function metricFault(choices: readonly MetricChoice[], index: number, taken: readonly MetricChoice[] = []): string | null {
  const choice = choices[index]
  const metric = evaluate.metrics.find((one) => one.name === choice?.name)
  if (choice === undefined || metric === undefined) return 'There is no such metric.'
  return faultOfSettings(metric.settings, choice.settings) ?? (repeats([...taken, ...choices], taken.length + index) === -1 ? null : 'This metric is there already, with the same settings.')
}

class EvaluateDraft {
  /** From the project's settings; no form is shown before there is one. */
  settings = $state<EvaluateSettings>()!
  sweep = $state<SweepDraft | null>(null)
  /** What responses can be scored with. */
  rewards = $state.raw<{ name: string; title: string }[]>([])
  starting = $state(false)
  /** The methods as the form began with them: those that a person has not changed follow the newest value function. */
  #begun: MethodChoice[] = []

  dataset = $derived(data.datasets.find((one) => one.id === this.settings.dataset))
  prompts = $derived.by(() => {
    const { split, limit } = this.settings
    const all = this.dataset === undefined ? 0 : split === 'train' ? this.dataset.train : split === 'held-out' ? this.dataset.heldOut : this.dataset.examples
    return Math.min(all, limit ?? Infinity)
  })
  points = $derived(this.sweep === null ? 0 : this.sweep.axes.reduce((product, axis) => product * this.values(axis).length, 1))
  columns = $derived(this.settings.methods.length + this.points)
  responses = $derived(this.columns * this.prompts * this.settings.seeds)

  /** What is wrong, by the field that it is said beside. */
  faults = $derived.by((): Record<string, string> => {
    const { methods, metrics } = this.settings
    const found: Record<string, string | null> = {
      dataset: this.dataset === undefined ? 'Choose a data set.' : this.prompts === 0 ? 'This part of it has no prompts.' : null,
      source: this.settings.source === '' ? 'Label responses first, or choose a source that needs no settings.' : null,
      ...Object.fromEntries(methods.map((_, i) => [`method ${i}`, methodFault(methods, i)])),
      ...Object.fromEntries(metrics.map((_, i) => [`metric ${i}`, metricFault(metrics, i)])),
      ...this.#sweepFaults()
    }
    return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== null))
  })

  /**
   * Seconds for all responses at their full length, by the time a token that finished evaluations took for the methods of
   * that name; `unknown` are methods that none had.
   */
  estimate = $derived.by((): { seconds: number; from: Evaluation | undefined; unknown: string[] } => {
    const each = this.prompts * this.settings.seeds * this.settings.maxTokens
    const names = [...this.settings.methods.map(({ name }) => name), ...Array<string>(this.points).fill(this.sweep?.method.name ?? '')]
    const known = names.map((name) => ({ name, before: lastTiming(name) }))
    return {
      seconds: known.reduce((sum, { before }) => sum + each * (before?.secondsPerToken ?? 0), 0),
      from: known.findLast(({ before }) => before !== undefined)?.before?.evaluation,
      unknown: [...new Set(known.filter(({ before }) => before === undefined).map(({ name }) => name))]
    }
  })

  constructor() {
    studio.onProjectChange((other) => {
      if (!other) return
      if (studio.settings !== null) this.settings = { ...studio.settings.evaluate, dataset: 0, source: '', sourceSettings: null, methods: [], sweep: null, further: [], metrics: [] }
      this.sweep = null
      this.#begun = []
    })
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

  /** The values of an axis; none where they cannot be read. */
  values(axis: Axis): number[] {
    const integer = this.sweep === null ? false : (sweepable(this.sweep.method.name).find(({ name }) => name === axis.setting)?.integer ?? false)
    const values = axis.by === 'list' ? valuesOfList(axis.list) : valuesOfRange(axis.range, integer)
    return typeof values === 'string' ? [] : values
  }

  /** A sweep of the strongest setting of the first method that has one, or of none. */
  beginSweep(): void {
    const own = this.settings.methods.find(({ name }) => sweepable(name).length > 0)
    const name = own?.name ?? control.methods.find((method) => sweepable(method.name).length > 0 && control.complete(control.choice(method.name)))?.name
    if (name !== undefined) this.sweepMethod(name)
  }

  sweepMethod(name: string): void {
    const [first] = sweepable(name).sort((a, b) => Number(b.name === 'alpha') - Number(a.name === 'alpha'))
    this.sweep = { method: control.choice(name), axes: first === undefined ? [] : [this.axisOf(first)] }
  }

  /** Around the setting's default, within its bounds. */
  axisOf({ name, initial, min, max, integer }: NumberField): Axis {
    const middle = typeof initial === 'number' && initial > 0 ? initial : (min ?? 0) > 0 ? (min ?? 1) : 1
    const fit = (value: number): number => Math.min(Math.max(integer ? Math.round(value) : Number(value.toPrecision(6)), min ?? -Infinity), max ?? Infinity)
    const around = [...new Set([middle / 2, middle, middle * 2].map(fit))]
    return { setting: name, by: 'list', list: around.join(', '), range: { from: around[0] ?? 0, to: around.at(-1) ?? 1, steps: 3 } }
  }

  async start(): Promise<void> {
    if (this.starting || Object.keys(this.faults).length > 0) return
    this.starting = true
    const { sweep } = this
    const settings = $state.snapshot(this.settings) as EvaluateSettings
    const job = await notices.guard(async () => {
      const allow = await asking.confirm({ metrics: settings.metrics })
      if (allow === null) return undefined
      return call('evaluate.start', {
        ...settings,
        sweep: sweep === null ? null : { method: $state.snapshot(sweep.method), over: Object.fromEntries(sweep.axes.map((axis) => [axis.setting, this.values(axis)])) },
        halving: sweep === null ? null : settings.halving,
        allow
      })
    })
    this.starting = false
    if (job === undefined) return
    evaluate.follow()
    jobs.take(job)
  }

  #sweepFaults(): Record<string, string | null> {
    const { sweep } = this
    if (sweep === null) return {}
    const fields = sweepable(sweep.method.name)
    const method = control.methods.find((one) => one.name === sweep.method.name)
    const swept = sweep.axes.map((axis) => axis.setting)
    const axisFaults = sweep.axes.map((axis, i): [string, string | null] => {
      const field = fields.find(({ name }) => name === axis.setting)
      const written = axis.by === 'list' ? valuesOfList(axis.list) : null
      const fault = field === undefined ? 'This method has no such setting.' : typeof written === 'string' ? written : faultOfValues(this.values(axis), field)
      return [`axis ${i}`, swept.indexOf(axis.setting) < i ? 'This setting is swept already.' : fault]
    })
    const incomplete = control.complete(sweep.method) ? null : train.list.length === 0 ? 'It needs a value function: train one first.' : 'Choose a value function.'
    return {
      'sweep method': incomplete ?? faultOfSettings(method?.settings ?? {}, sweep.method.settings, swept) ?? (sweep.axes.length === 0 ? 'This method has no setting to sweep.' : null),
      points: this.columns > 256 ? `These are ${this.columns} methods and points together; 256 is the most.` : null,
      ...Object.fromEntries(axisFaults)
    }
  }
}

/** The newest finished evaluation that timed a method of that name. */
function lastTiming(name: string): { secondsPerToken: number; evaluation: Evaluation } | undefined {
  for (const evaluation of [...evaluate.list].reverse()) {
    const row = evaluation.table?.methods.find((method) => method.name === name && method.secondsPerToken > 0)
    if (row !== undefined) return { secondsPerToken: row.secondsPerToken, evaluation }
  }
  return undefined
}

export const draft = new EvaluateDraft()
