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

export interface Point {
  x: number
  mean: number
  low: number | null
  high: number | null
}

/** Hues and dashes that differ also where no colour is seen. */
const looks = [
  { colour: 'var(--second)', dash: 'none' },
  { colour: 'var(--first)', dash: '6 4' },
  { colour: 'var(--third)', dash: '2 3' },
  { colour: 'var(--fourth)', dash: '9 3 2 3' }
]

/** Means with their intervals as bars; `level` is a rule across, for what everything is compared with. */
export function errorBarChart(xLabel: string, yLabel: string, lines: { label: string; points: Point[] }[], level: { label: string; mean: number } | null): Html {
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return html`<p>Not measured.</p>`
  const { x, y, frame } = plane(xLabel, points.map((point) => point.x), [...points.flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean]), ...(level === null ? [] : [level.mean])])
  return html`<svg viewBox="0 0 ${width} ${planeHeight}" role="img" aria-label="${yLabel} by ${xLabel}: ${lines.map((line) => `${line.label} ${line.points.map((point) => `${label(point.x)}: ${fixed(point.mean)}`).join(', ')}`).join('; ')}">
${frame}
${level === null ? '' : html`<line x1="60" x2="${planeRight}" y1="${y(level.mean)}" y2="${y(level.mean)}" stroke="var(--quiet)" stroke-dasharray="3 3"/><text x="${planeRight + 8}" y="${y(level.mean) + 4}">${level.label}</text>`}
${lines.map((line, i) => {
    const { colour, dash } = looks[i % looks.length] as (typeof looks)[number]
    const last = line.points.at(-1)
    if (last === undefined) return ''
    const shift = (i - (lines.length - 1) / 2) * 4 // intervals of several lines must not hide one another
    return html`<polyline fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}" points="${line.points.map((point) => `${(x(point.x) + shift).toFixed(1)},${y(point.mean).toFixed(1)}`).join(' ')}"/>${line.points.map(({ x: at, mean, low, high }) => html`${low === null || high === null ? '' : html`<line x1="${x(at) + shift}" x2="${x(at) + shift}" y1="${y(low)}" y2="${y(high)}" stroke="${colour}" stroke-width="1.5"/>`}<circle cx="${x(at) + shift}" cy="${y(mean)}" r="4" fill="${colour}"/>`)}<text x="${x(last.x) + 10}" y="${y(last.mean) - 6}">${line.label}</text>`
  })}
</svg>`
}

/** Points with names; those that no other beats in both directions (less x, more y) are joined. */
export function frontChart(xLabel: string, yLabel: string, points: { label: string; x: number; y: number; onFront: boolean }[]): Html {
  const { x, y, frame } = plane(xLabel, [0, ...points.map((point) => point.x)], points.map((point) => point.y))
  const front = points.filter(({ onFront }) => onFront).sort((a, b) => a.x - b.x)
  return html`<svg viewBox="0 0 ${width} ${planeHeight}" role="img" aria-label="${yLabel} against ${xLabel}: ${points.map((point) => `${point.label} ${fixed(point.x)}, ${fixed(point.y)}${point.onFront ? ', on the front' : ''}`).join('; ')}">
${frame}
<polyline fill="none" stroke="var(--second)" stroke-width="1.5" stroke-dasharray="6 4" points="${front.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ')}"/>
${points.map((point) => html`<circle cx="${x(point.x)}" cy="${y(point.y)}" r="5" stroke="var(--second)" stroke-width="2" fill="${point.onFront ? 'var(--second)' : 'none'}"/><text x="${x(point.x) + 9}" y="${y(point.y) - 6}">${point.label}</text>`)}
</svg>`
}

const planeHeight = 280
const planeRight = width - 150

/** Axes with their ticks, and where a value is. */
function plane(xLabel: string, xs: number[], ys: number[]): { x(value: number): number; y(value: number): number; frame: Html } {
  const bottom = 40
  const [across, up] = [axisOf(xs), axisOf(ys)]
  const x = (value: number): number => 60 + ((value - across.low) / (across.high - across.low)) * (planeRight - 60)
  const y = (value: number): number => planeHeight - bottom - ((value - up.low) / (up.high - up.low)) * (planeHeight - bottom - 12)
  const frame = html`${up.ticks.map((tick) => html`<line x1="60" x2="${planeRight}" y1="${y(tick)}" y2="${y(tick)}" stroke="var(--line)"/><text x="52" y="${y(tick) + 4}" text-anchor="end">${label(tick)}</text>`)}
${across.ticks.map((tick) => html`<text x="${x(tick)}" y="${planeHeight - bottom + 18}" text-anchor="middle">${label(tick)}</text>`)}
<text x="${(planeRight + 60) / 2}" y="${planeHeight - 4}" text-anchor="middle">${xLabel}</text>`
  return { x, y, frame }
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
