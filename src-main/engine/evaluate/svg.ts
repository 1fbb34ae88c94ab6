/** The report's charts as static SVG. */
import { html, type Html } from './html.ts'

const width = 760
const left = 220
const right = 70

export interface IntervalBar {
  label: string
  mean: number | null
  low: number | null
  high: number | null
  isBase: boolean
}

/** A row a method: its mean as a dot, its interval as a line, zero as a rule. */
export function intervalChart(bars: IntervalBar[]): Html {
  const known = bars.flatMap((bar) => [bar.low, bar.high, bar.mean]).filter((v) => v !== null)
  const axis = axisOf([0, ...known])
  const rowHeight = 34
  const height = bars.length * rowHeight + 30
  const x = (value: number): number => left + ((value - axis.low) / (axis.high - axis.low)) * (width - left - right)
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${bars.map((b) => `${b.label}: ${fixed(b.mean)}, ${fixed(b.low)} to ${fixed(b.high)}`).join('; ')}">
${axis.ticks.map((tick) => html`<line x1="${x(tick)}" x2="${x(tick)}" y1="4" y2="${height - 22}" stroke="var(--line)"/><text x="${x(tick)}" y="${height - 6}" text-anchor="middle">${label(tick)}</text>`)}
<line x1="${x(0)}" x2="${x(0)}" y1="4" y2="${height - 22}" stroke="var(--quiet)" stroke-width="1.5"/>
${bars.map((bar, i) => {
    const y = i * rowHeight + 22
    const name = html`<text x="${left - 12}" y="${y + 4}" text-anchor="end">${bar.label}</text>`
    if (bar.mean === null || bar.low === null || bar.high === null) return name
    const colour = bar.isBase ? 'var(--first)' : 'var(--second)'
    return html`${name}<line x1="${x(bar.low)}" x2="${x(bar.high)}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3" stroke-linecap="round"/><circle cx="${x(bar.mean)}" cy="${y}" r="6" fill="${colour}"/><text x="${width - right + 12}" y="${y + 4}">${fixed(bar.mean)}</text>`
  })}
</svg>`
}

export interface Line {
  label: string
  points: { x: number; y: number }[]
}

/** Two lines at the most, told apart by dash as well as by colour. */
export function lineChart(xLabel: string, lines: Line[]): Html {
  const height = 260
  const bottom = 40
  const points = lines.flatMap((line) => line.points).filter((point) => Number.isFinite(point.y))
  const xs = axisOf(points.map((point) => point.x))
  const ys = axisOf([0, ...points.map((point) => point.y)])
  const x = (value: number): number => 60 + ((value - xs.low) / (xs.high - xs.low)) * (width - 60 - 110)
  const y = (value: number): number => height - bottom - ((value - ys.low) / (ys.high - ys.low)) * (height - bottom - 12)
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${lines.map((line) => line.label).join(' and ')} by ${xLabel}">
${ys.ticks.map((tick) => html`<line x1="60" x2="${width - 110}" y1="${y(tick)}" y2="${y(tick)}" stroke="var(--line)"/><text x="52" y="${y(tick) + 4}" text-anchor="end">${label(tick)}</text>`)}
${xs.ticks.map((tick) => html`<text x="${x(tick)}" y="${height - bottom + 18}" text-anchor="middle">${label(tick)}</text>`)}
<text x="${(width - 50) / 2}" y="${height - 4}" text-anchor="middle">${xLabel}</text>
${lines.map((line, i) => {
    const colour = i === 0 ? 'var(--first)' : 'var(--second)'
    const drawn = line.points.filter((point) => Number.isFinite(point.y))
    const last = drawn.at(-1)
    if (last === undefined) return ''
    return html`<polyline fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${i === 0 ? '6 4' : 'none'}" points="${drawn.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ')}"/><text x="${x(last.x) + 8}" y="${y(last.y) + (i === 0 ? 12 : -4)}">${line.label}</text>`
  })}
</svg>`
}

/** A range with round ticks, a little wider than the values. */
function axisOf(values: number[]): { low: number; high: number; ticks: number[] } {
  const low = Math.min(...values)
  const high = Math.max(...values)
  const span = high - low || Math.abs(high) || 1
  const rough = span / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10) * power
  const first = Math.floor(low / step)
  const last = Math.ceil(high / step)
  return { low: first * step, high: Math.max(last, first + 1) * step, ticks: Array.from({ length: Math.max(last, first + 1) - first + 1 }, (_, i) => (first + i) * step) }
}

function label(value: number): string {
  return String(Number(value.toPrecision(6)))
}

function fixed(value: number | null): string {
  return value === null ? 'not measured' : value.toFixed(3)
}
