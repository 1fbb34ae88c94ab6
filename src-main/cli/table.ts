/** The evaluation's table for people. */
import type { EvaluationTable } from '../contract/entities.ts'
import { probability, verdict } from '../engine/evaluate/wording.ts'
import { columns } from './terminal.ts'

export function tableLines({ methods, paired }: EvaluationTable): string[] {
  const base = methods[0]
  const figure = (value: number | null): string => value?.toFixed(3) ?? '-'
  const rows = methods.map((m) => [
    m.label,
    figure(m.reward.mean),
    `[${figure(m.reward.low)}, ${figure(m.reward.high)}]`,
    figure(m.diversity),
    figure(m.edit),
    (m.secondsPerToken * 1000).toFixed(1),
    base === undefined || base.secondsPerToken === 0 ? '-' : (m.secondsPerToken / base.secondsPerToken).toFixed(2),
    String(m.responses)
  ])
  return [
    ...columns([['method', 'reward', '95 % interval', 'diversity', '|dh|/|h|', 'ms/token', 'x base', 'prompts'], ...rows]),
    '',
    ...paired.map((p) => `${p.b} - ${p.a} on ${p.prompts} prompts: ${figure(p.difference)}, paired 95 % interval [${figure(p.low)}, ${figure(p.high)}], p ${probability(p.p)} (Holm ${probability(p.pHolm)}): ${verdict(p)}`)
  ]
}
