/** The table as LaTeX, for booktabs: means with their intervals, the best in bold, marks where a difference is significant. */
import type { EvaluationTable } from '../../contract/evaluate.ts'
import type { TableMetric } from './table.ts'
import { decimal } from './wording.ts'

type Method = EvaluationTable['methods'][number]
type Interval = Pick<Method['reward'], 'mean' | 'low' | 'high'>

interface LatexColumn {
  head: string
  better: 'higher' | 'lower' | null
  of(method: Method): Interval | null
  /** p of the comparison with the first method, corrected */
  p(pair: EvaluationTable['paired'][number]): number | null
}

/** Significant at 5, 1 and 0.1 %, after Holm. */
const levels = [0.05, 0.01, 0.001]

export function latexTable({ methods, paired }: EvaluationTable, metrics: Pick<TableMetric, 'label' | 'better'>[], caption: string): string {
  const labels = [...new Set(methods.flatMap(({ measures }) => Object.keys(measures)))]
  const columns: LatexColumn[] = [
    { head: 'Reward', better: 'higher', of: ({ reward }) => reward, p: ({ pHolm }) => pHolm },
    { head: 'Diversity', better: 'higher', of: ({ diversity, diversityInterval }) => diversityInterval ?? { mean: diversity, low: null, high: null }, p: ({ diversity }) => diversity?.pHolm ?? null },
    ...labels.map((label): LatexColumn => ({
      head: escapeLatex(label),
      better: metrics.find((metric) => metric.label === label)?.better ?? null,
      of: ({ measures }) => measures[label] ?? null,
      p: ({ measures }) => measures[label]?.pHolm ?? null
    }))
  ]
  const best = columns.map(({ better, of }) => bestOf(methods.map((method) => of(method)?.mean ?? null), better))
  const rows = methods.map((method, row) => {
    const pair = row === 0 ? undefined : paired[row - 1]
    const cells = columns.map(({ of, p }, i) => cell(of(method), best[i] === row, pair === undefined ? null : p(pair)))
    return `    ${[escapeLatex(method.label), ...cells, method.timeRatio === null ? '--' : `$${method.timeRatio.toFixed(2)}\\times$`].join(' & ')} \\\\`
  })
  return [
    '% needs \\usepackage{booktabs}',
    '\\begin{table}',
    '  \\centering',
    `  \\caption{${escapeLatex(caption)} 95\\,\\% bootstrap intervals over prompts in brackets; $^{*}\\,p<0.05$, $^{**}\\,p<0.01$, $^{***}\\,p<0.001$ against ${escapeLatex(methods[0]?.label ?? '')} (two-sided paired permutation tests, Holm's correction within a column).}`,
    `  \\begin{tabular}{l${'r'.repeat(columns.length + 1)}}`,
    '    \\toprule',
    `    ${['Method', ...columns.map(({ head }) => head), 'Time'].join(' & ')} \\\\`,
    '    \\midrule',
    ...rows,
    '    \\bottomrule',
    '  \\end{tabular}',
    '\\end{table}',
    ''
  ].join('\n')
}

/** As text, whatever it holds. */
export function escapeLatex(text: string): string {
  const commands: Record<string, string> = { '\\': '\\textbackslash{}', '~': '\\textasciitilde{}', '^': '\\textasciicircum{}', '<': '\\textless{}', '>': '\\textgreater{}', '|': '\\textbar{}' }
  return text.replace(/[\\~^<>|#$%&_{}]/g, (character) => commands[character] ?? `\\${character}`).replace(/\s+/g, ' ')
}

function cell(interval: Interval | null, best: boolean, p: number | null): string {
  if (interval === null || interval.mean === null) return '--'
  const mean = decimal(interval.mean)
  const marks = '*'.repeat(p === null ? 0 : levels.filter((level) => p < level).length)
  const bounds = interval.low === null || interval.high === null ? '' : ` {\\small[${decimal(interval.low)}, ${decimal(interval.high)}]}`
  return `${best ? `\\textbf{${mean}}` : mean}${marks === '' ? '' : `$^{${marks}}$`}${bounds}`
}

/** The row with the best mean; null where neither direction is better, or nothing is measured. */
function bestOf(means: (number | null)[], better: LatexColumn['better']): number | null {
  if (better === null) return null
  const known = means.flatMap((mean, row) => (mean === null ? [] : [{ row, mean }]))
  known.sort((a, b) => (better === 'higher' ? b.mean - a.mean : a.mean - b.mean))
  return known[0]?.row ?? null
}
