/** Every number that is shown is written here. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const missing = '–'

/** 12,345 */
export function count(value: number | null | undefined): string {
  return value == null ? missing : whole.format(value)
}

/** "1 response", "12 responses" */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** 1.2 GB, decimal units as discs and download pages use them. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return missing
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = value
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${unit === 0 ? whole.format(size) : size.toFixed(size < 10 ? 2 : 1)} ${units[unit] ?? ''}`
}

/** 494 M, 7.62 B */
export function parameters(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} B`
  if (value >= 1e6) return `${(value / 1e6).toFixed(0)} M`
  return whole.format(value)
}

/** A reward, a value, a loss: always the same width for the same size. */
export function decimal(value: number | null | undefined, digits = 3): string {
  if (value == null || !Number.isFinite(value)) return missing
  if (value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits) return minus(value.toExponential(1))
  return minus(value.toFixed(digits))
}

/** A number among many of its kind: what is smaller than the last digit is as good as none. */
export function fixed(value: number | null | undefined, digits: number): string {
  if (value == null || !Number.isFinite(value)) return missing
  const text = value.toFixed(digits)
  return Number(text) === 0 ? text.replace('-', '') : minus(text)
}

/** A KL divergence in nats. */
export function nats(value: number | null | undefined, digits = 3): string {
  return fixed(value, digits)
}

/** A difference: with its sign. */
export function signed(value: number | null | undefined, digits = 3): string {
  if (value == null || !Number.isFinite(value)) return missing
  return minus(`${value > 0 ? '+' : ''}${value.toFixed(digits)}`)
}

/** A p-value: 0.012, < 0.001 */
export function probability(p: number | null | undefined): string {
  return p == null ? missing : p < 0.001 ? '< 0.001' : p.toFixed(3)
}

export function percent(value: number | null | undefined, digits = 1): string {
  return value == null || !Number.isFinite(value) ? missing : minus(`${(100 * value).toFixed(digits)} %`)
}

/** Units per second. */
export function rate(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return missing
  return value >= 100 ? whole.format(value) : value.toFixed(value >= 10 ? 1 : 2)
}

/** "42 s", "3 min 20 s", "2 h 5 min" */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return missing
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return s % 60 === 0 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}

const moment = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false })

/** 12 Mar, 14:05 */
export function when(iso: string): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? iso : moment.format(date)
}

/** What an error says, as a sentence of its own; a name, of a file say, that it begins with stays as it is. */
export function sentence(text: string): string {
  const word = /^[a-z]+(?=[\s,:;.!?]|$)(?!\.\w)/.test(text)
  return `${word ? text.charAt(0).toUpperCase() : text.charAt(0)}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path
}

function minus(text: string): string {
  return text.replaceAll('-', '−')
}
