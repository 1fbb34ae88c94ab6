/** Whether a response has a form: 1 or 0. */
import type { Kind } from './rule.ts'

const formats: Record<string, (text: string) => boolean> = { json: isJson, list: isList, finished: isFinished }

export const format: Kind = (argument) => {
  if (!Object.hasOwn(formats, argument)) throw new Error(`expected one of ${Object.keys(formats).join(', ')}`)
  const hasFormat = formats[argument]!
  return (text) => (hasFormat(text) ? 1 : 0)
}

const fence = /^[ \t]*```[^\n`]*\n([\s\S]*?)^[ \t]*```[ \t]*$/gm

/** An object or a list, as the whole response or as its only fenced block, whatever stands around that. */
function isJson(text: string): boolean {
  const blocks = [...text.matchAll(fence)]
  return holdsJson(text) || (blocks.length === 1 && holdsJson(blocks[0]?.[1] ?? ''))
}

function holdsJson(text: string): boolean {
  try {
    return typeof (JSON.parse(text) ?? undefined) === 'object'
  } catch {
    return false
  }
}

/** At least two lines that begin as items of a Markdown list do. */
function isList(text: string): boolean {
  return (text.match(/^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S/gm)?.length ?? 0) >= 2
}

/**
 * Ends as something finished does: the end of a sentence (of any script) with quotes, brackets and stresses closed behind it, an
 * emoji, or a closed code block. A list of bare words does not, though it may be complete.
 */
function isFinished(text: string): boolean {
  const fences = text.match(/^[ \t]*```/gm)?.length ?? 0
  if (fences % 2 === 1) return false
  const end = text.trimEnd()
  return (fences > 0 && end.endsWith('```')) || /(?:[\p{STerm}…][\p{Pe}\p{Pf}\p{Quotation_Mark}*_~`]*|\p{RGI_Emoji})$/v.test(end.slice(-100))
}
