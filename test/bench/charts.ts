/** Medians with their quartiles as static SVG, on a scale that begins where the figures are. */
import { html, type Html } from '../../src-main/engine/evaluate/html.ts'
import type { Measurement, Unit } from './result.ts'
import { figure } from './words.ts'

const width = 760
const left = 250
const right = 90
const rowHeight = 30
/** A ratio up to here is drawn on a linear scale. */
const mostLinear = 2.5

/** A row a measurement: dot at the median, a line over the quartiles; ratios have a rule at 1. Null when nothing was measured. */
export function spreadChart(measurements: readonly Measurement[]): Html | null {
  const known = measurements.filter(({ spread }) => spread !== null)
  const unit = known[0]?.unit
  if (unit === undefined) return null
  const values = known.flatMap(({ spread }) => (spread === null ? [] : [spread.low, spread.high, spread.median]))
  const axis = axisOf(values, unit)
  const x = (value: number): number => left + axis.place(value) * (width - left - right)
  const height = known.length * rowHeight + 34
  const bottom = height - 24
  const described = known.map((m) => `${m.label}: ${m.spread === null ? '' : figure(m.spread.median, unit)}`).join('; ')
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${described}">
${axis.ticks.map((tick) => html`<line x1="${x(tick)}" x2="${x(tick)}" y1="4" y2="${bottom}" stroke="var(--line)"/><text x="${x(tick)}" y="${height - 6}" text-anchor="middle">${tickLabel(tick)}</text>`)}
${unit === 'ratio' ? html`<line x1="${x(1)}" x2="${x(1)}" y1="4" y2="${bottom}" stroke="var(--quiet)" stroke-width="1.5"/>` : ''}
${known.map(({ label, spread }, i) => {
    if (spread === null) return ''
    const y = i * rowHeight + 20
    return html`<text x="${left - 12}" y="${y + 4}" text-anchor="end">${label}</text><line x1="${x(spread.low)}" x2="${x(spread.high)}" y1="${y}" y2="${y}" stroke="var(--second)" stroke-width="3" stroke-linecap="round"/><circle cx="${x(spread.median)}" cy="${y}" r="5" fill="var(--second)"/><text x="${width - right + 12}" y="${y + 4}">${figure(spread.median, unit)}</text>`
  })}
</svg>`
}

interface Axis {
  ticks: number[]
  /** 0 at the left end, 1 at the right */
  place(value: number): number
}

/** From 0 for amounts, around 1 for ratios; logarithmic where ratios are far from 1. */
function axisOf(values: readonly number[], unit: Unit): Axis {
  const [least, most] = unit === 'ratio' ? [Math.min(1, ...values), Math.max(1, ...values)] : [0, Math.max(...values)]
  if (unit === 'ratio' && most > mostLinear) {
    const decades = Array.from({ length: Math.ceil(Math.log10(most)) - Math.floor(Math.log10(least)) + 1 }, (_, i) => Math.floor(Math.log10(least)) + i)
    const round = decades.flatMap((power) => [1, 2, 5].map((m) => Number(`${m}e${power}`)))
    return axis(round.filter((_tick, i) => (round[i + 1] ?? Infinity) > least && (round[i - 1] ?? 0) < most), Math.log)
  }
  const span = most - least || 1
  const power = 10 ** Math.floor(Math.log10(span / 5))
  const step = ([1, 2, 5, 10].find((m) => m * power >= span / 5) ?? 10) * power
  const first = Math.floor(least / step + 1e-9)
  const last = Math.max(first + 1, Math.ceil(most / step - 1e-9))
  return axis(Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12))), (value) => value)
}

function axis(ticks: number[], scale: (value: number) => number): Axis {
  const low = scale(ticks[0] as number)
  const high = scale(ticks.at(-1) as number)
  return { ticks, place: (value) => (scale(value) - low) / (high - low) }
}

function tickLabel(value: number): string {
  return String(Number(value.toPrecision(6)))
}
