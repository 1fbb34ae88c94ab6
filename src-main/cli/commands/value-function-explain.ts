import type { PromotedTokens, RankCorrelation, ValueContext, ValueReading, ValueStates } from '../../contract/learned.ts'
import { StudioError } from '../../contract/errors.ts'
import { promotedTokens } from '../../engine/value/promoted-tokens.ts'
import { readValues } from '../../engine/value/value-reading.ts'
import { number } from '../arguments.ts'
import type { Command } from '../command.ts'
import { columns } from '../terminal.ts'
import { figure } from './value-function-show.ts'

const barWidth = 30
const promptShown = 60

/** What a value function has learned: how its values spread, where they are extreme, what they go with, and the tokens that it promotes. */
export const valueFunctionExplain: Command = {
  name: 'value-function explain',
  usage: 'value-function explain PROJECT [--value-function V] [--without-model]',
  positionals: ['PROJECT'],
  flags: ['value-function'],
  switches: ['without-model'],
  async run(session, input) {
    const project = await session.open(input.positionals[0] ?? '')
    const id = number(input, 'value-function') ?? project.valueFunctions.list().at(-1)?.id
    if (id === undefined) throw new StudioError('bad-request', 'this project has no value function yet')
    const { models } = session.engine
    const { terminal, signal } = session
    const told = (phase: string, unit: string) => (done: number, total: number): void => terminal.progress({ phase, done, total, unit, rate: null, secondsLeft: null })
    const reading = await readValues(project, models, id, told('Reading the states', 'states'), signal)
    let promoted: PromotedTokens | null = null
    if (!input.flags.has('without-model')) {
      await session.ensureModel()
      promoted = await promotedTokens(project, models, id, told('Reading with the model', 'responses'), signal)
    }
    terminal.result({ ...reading, promotedTokens: promoted }, linesOf(reading, promoted))
    return 0
  }
}

function linesOf(reading: ValueReading, promoted: PromotedTokens | null): string[] {
  const { training, unseen, histogram, correlations, contexts, remarks, rewardMean, rewardScale } = reading
  const highest = Math.max(1, ...histogram.map((bin) => bin.training + bin.unseen))
  const bar = (states: number): number => Math.round((barWidth * states) / highest)
  return [
    `Value function ${reading.valueFunction}: V in standard deviations of the reward above its mean; the reward itself is ${figure(rewardMean)} + ${figure(rewardScale)} V`,
    '',
    ...columns([['V of states', 'responses', 'states', 'mean', 'sd', 'lowest', 'highest'], statesRow('training', training), statesRow('unseen', unseen)]),
    '',
    ...columns([['from', 'to', 'training', 'unseen'], ...histogram.map((bin) => [figure(bin.from), figure(bin.to), String(bin.training), String(bin.unseen)])]).map((line, i) => {
      const bin = histogram[i - 1]
      return bin === undefined ? line : `${line}  ${'#'.repeat(bar(bin.training))}${'+'.repeat(bar(bin.unseen))}`
    }),
    ...(unseen.responses === 0 ? [] : ['', 'Over unseen responses, Spearman with its 95 % interval', ...columns([
      ['', 'rho', '95 % interval'],
      correlationRow('mean V, reward', correlations.reward),
      correlationRow('mean V, length', correlations.length),
      correlationRow('reward, length', correlations.rewardAndLength),
      correlationRow('mean V, reward, length held fixed', correlations.rewardGivenLength),
      correlationRow('V, position within a response', correlations.position)
    ])]),
    ...(remarks.length === 0 ? [] : ['', ...remarks.map((remark) => `Mind: ${remark}`)]),
    ...contextLines('V is highest where [this token] is drawn', contexts.highest),
    ...contextLines('V is lowest where [this token] is drawn', contexts.lowest),
    ...contextLines('V rises most when [this token] is read', contexts.rises),
    ...contextLines('V falls most when [this token] is read', contexts.falls),
    ...(promoted === null ? [] : promotedLines(promoted))
  ]
}

function statesRow(name: string, { responses, states, mean, sd, min, max }: ValueStates): string[] {
  return [name, String(responses), String(states), ...[mean, sd, min, max].map((value) => (value === null ? '-' : figure(value)))]
}

function correlationRow(name: string, { rho, low, high }: RankCorrelation): string[] {
  return [name, rho === null ? '-' : rho.toFixed(2), low === null || high === null ? '-' : `[${low.toFixed(2)}, ${high.toFixed(2)}]`]
}

function contextLines(title: string, contexts: ValueContext[]): string[] {
  if (contexts.length === 0) return []
  return ['', title, ...contexts.flatMap(({ response, prompt, from, marked, value, change, tokens, length }) => {
    const text = tokens.map((token, i) => (i === marked ? `[${oneLine(token.text)}]` : oneLine(token.text))).join('')
    const moved = change === null ? '' : ` (${change > 0 ? '+' : ''}${figure(change)})`
    return [
      `  ${figure(value)}${moved}, token ${from + marked + 1} of ${length} of response ${response} to "${oneLine(prompt).slice(0, promptShown)}"`,
      `    ${from > 0 ? '... ' : ''}${text}${from + tokens.length < length ? ' ...' : ''}`
    ]
  })]
}

function promotedLines({ promoted, suppressed, gain, move, states, gradientStates, common, kl, unseen }: PromotedTokens): string[] {
  const half = (i: number, list: PromotedTokens['promoted']): string[] => {
    const one = list[i]
    return one === undefined ? ['', ''] : [oneLine(one.text), `${one.change > 0 ? '+' : ''}${figure(one.change)}`]
  }
  return [
    '',
    `Change of a token's logit when the last state moves by ${(100 * move).toFixed(0)} % of its mean length along the mean gradient of ${gradientStates} ${unseen ? 'unseen' : 'training'} states,`,
    `less the mean over the vocabulary; over ${states} states. V gains ${figure(gain)} by it to first order, KL ${figure(kl)} nats; ${(100 * common).toFixed(0)} % of the gradients' length is common to all states.`,
    ...columns([['promoted', 'change', 'suppressed', 'change'], ...promoted.map((_, i) => [...half(i, promoted), ...half(i, suppressed)])])
  ]
}

function oneLine(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
}
