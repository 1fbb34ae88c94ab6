/** The evaluation's table for people. */
import type { EvaluationTable } from '../contract/evaluate.ts'
import { decimal, probability, verdict } from '../engine/evaluate/wording.ts'
import { columns } from './terminal.ts'

export function tableLines({ methods, paired, alarms, remarks }: EvaluationTable): string[] {
  const labels = [...new Set(methods.flatMap(({ measures }) => Object.keys(measures)))]
  const rows = methods.map((m, i) => [
    m.label,
    String(i),
    decimal(m.reward.mean),
    `[${decimal(m.reward.low)}, ${decimal(m.reward.high)}]`,
    decimal(m.diversity),
    ...labels.map((label) => decimal(m.measures[label]?.mean ?? null)),
    decimal(m.edit),
    (m.secondsPerToken * 1000).toFixed(1),
    m.timeRatio?.toFixed(2) ?? '-',
    String(m.responses),
    ...(methods.some(({ unlabelled }) => unlabelled > 0) ? [String(m.unlabelled)] : [])
  ])
  const head = ['method', '#', 'reward', '95 % interval', 'diversity', ...labels, '|dh|/|h|', 'ms/token', 'x first', 'responses', 'unlabelled']
  const compared = paired.flatMap((pair) => [
    `${pair.b} - ${pair.a} on ${pair.prompts} prompts: ${decimal(pair.difference)}, paired 95 % interval [${decimal(pair.low)}, ${decimal(pair.high)}], p ${probability(pair.p)} (Holm ${probability(pair.pHolm)}): ${verdict(pair)}`,
    ...Object.entries(pair.measures).map(([label, one]) => `  ${label}: ${decimal(one.difference)} [${decimal(one.low)}, ${decimal(one.high)}], p ${probability(one.p)} (Holm ${probability(one.pHolm)}): ${verdict(one)}`)
  ])
  return [
    ...columns([head.slice(0, rows[0]?.length ?? head.length), ...rows]),
    '',
    ...compared,
    ...(alarms.length === 0 ? [] : ['', ...alarms.map(({ method, text }) => `Mind ${method}: ${text}`)]),
    ...(remarks.length === 0 ? [] : ['', ...remarks])
  ]
}
