/** Figures as people read them, in the terminal and in the report. */
import type { Measurement, Target, Unit } from './result.ts'

export function figure(value: number, unit: Unit): string {
  return unit === 'ratio' ? value.toFixed(3) : unit === 'ms' ? value.toFixed(1) : Math.round(value).toLocaleString('en-GB')
}

export function unitName(unit: Unit): string {
  return unit === 'ratio' ? '' : ` ${unit}`
}

export function detailText(details: Measurement['details']): string {
  return Object.entries(details).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`).join('; ')
}

export function unitOf({ figure: name }: Target): Unit {
  return name.endsWith('states/s') ? 'states/s' : name.endsWith(', ms') ? 'ms' : 'ratio'
}

export function verdict({ met }: Target): string {
  return met === null ? 'not measured' : met ? 'met' : 'not met'
}
