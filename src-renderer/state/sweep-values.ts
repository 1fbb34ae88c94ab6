/** The values that a sweep takes a setting through, as a person writes them. */

export interface Range {
  from: number
  to: number
  steps: number
}

export const mostValues = 64

/** "0.5, 1 2": numbers between commas, semicolons or white space. @returns a sentence where it is none */
export function valuesOfList(text: string): number[] | string {
  const words = text.split(/[\s,;]+/).filter((word) => word !== '')
  const wrong = words.find((word) => !Number.isFinite(Number(word)))
  if (wrong !== undefined) return `“${wrong.slice(0, 20)}” is not a number.`
  return words.map(Number)
}

/** Evenly from one end to the other, both included; whole numbers are rounded, and none comes twice. */
export function valuesOfRange({ from, to, steps }: Range, integer: boolean): number[] {
  const all = Array.from({ length: steps }, (_, i) => (steps === 1 ? from : from + ((to - from) * i) / (steps - 1)))
  // twelve digits are enough for any setting, and 0.1 + 0.2 is 0.3
  return [...new Set(all.map((value) => (integer ? Math.round(value) : Number(value.toPrecision(12)))))]
}

/** What is wrong with the values for a setting with these bounds; null when nothing. */
export function faultOfValues(values: readonly number[], bounds: { min: number | null; max: number | null; integer: boolean }): string | null {
  if (values.length === 0) return 'At least one value is needed.'
  if (values.length > mostValues) return `There are ${values.length} values; ${mostValues} is the most.`
  if (new Set(values).size < values.length) return 'A value is there twice.'
  const { min, max, integer } = bounds
  const fractional = integer ? values.find((value) => !Number.isInteger(value)) : undefined
  if (fractional !== undefined) return `${fractional} is not a whole number.`
  const outside = values.find((value) => (min !== null && value < min) || (max !== null && value > max))
  if (outside !== undefined) return `${outside} is not ${[min !== null && `at least ${min}`, max !== null && `at most ${max}`].filter(Boolean).join(' and ')}.`
  return null
}
