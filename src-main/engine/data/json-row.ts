/** The text of one row as an object, strictly: what JSON cannot say is no value. */
import { maxNesting } from './limits.ts'
import type { Row } from './row.ts'

/** @throws Error whose message completes "line 7: ..." */
export function parseRow(text: string): Row {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is not a JSON object')
  return value as Row
}

/** @throws Error whose message completes "line 7: ..." */
export function parseJson(text: string): unknown {
  if (text.length > maxNesting && isNestedTooDeep(text)) throw new Error(`its lists and objects are nested more than ${maxNesting} deep`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`it is not JSON (${error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error)})`)
  }
  // 1e999 is JSON, but JavaScript reads it as Infinity, which would be stored as null
  if (/[0-9.][eE]\+?[0-9]{3}|[0-9]{309}/.test(text) && hasInfinity(value)) throw new Error('it holds a number that is too large')
  return value
}

/** Before parsing: a parser keeps a record for every level. */
function isNestedTooDeep(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // a string: on to its end
        for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > maxNesting) return true
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
    }
  }
  return false
}

/** Of what isNestedTooDeep has let through. */
function hasInfinity(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasInfinity)
}
