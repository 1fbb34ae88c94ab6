/**
 * Markdown as a tree of a few kinds of nodes that hold nothing but text: what a model writes is shown and never run.
 * marked's lexer reads it; what it would make elements or addresses of stays text here. Some inputs take the lexer
 * quadratic time or too much stack, so that what is too long or too deep for it is left as it is.
 */
import { Lexer, type MarkedToken, type Token } from 'marked'

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'strong' | 'em' | 'del'; children: Inline[] }
  | { kind: 'link'; children: Inline[]; address: string }
  | { kind: 'image'; text: string; address: string }
  | { kind: 'break' }

export type Alignment = 'left' | 'center' | 'right' | null

export type Block =
  | { kind: 'paragraph'; children: Inline[] }
  | { kind: 'heading'; depth: number; children: Inline[] }
  | { kind: 'code'; text: string; language: string }
  | { kind: 'verbatim'; text: string }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'list'; ordered: boolean; start: number; items: { checked: boolean | null; blocks: Block[] }[] }
  | { kind: 'table'; align: Alignment[]; header: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' }

/** A text beyond either is not read: 40,000 characters are a quarter of an hour for a person and at most 0.1 s for the lexer. */
const mostCharacters = 40_000
/** An item of a list whose lines go on takes time with their square: 50 ms for so many. */
const mostLines = 1_500
/** A paragraph, heading or cell beyond either stays plain. */
const mostInParagraph = 6_000
const mostMarks = 300
/** Quotes and lists in one another; the lexer's recursion overflows at some 700. */
const mostNested = 12
const nested = new RegExp(String.raw`^[ \t]*(?:(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])[ \t]*){${mostNested + 1}}`, 'm')
const indented = /^[ \t]{32,}(?:[-*+]|\d{1,9}[.)]|>)/m
const marks = /[*_[\]!<`~\\&:@|]/g

/** null: it is to be shown as it is */
export function parseMarkdown(text: string): Block[] | null {
  if (text.length > mostCharacters || text.split('\n', mostLines + 1).length > mostLines || nested.test(text) || indented.test(text)) return null
  try {
    const lexer = new Lexer({ gfm: true })
    lexer.blockTokens(text.replaceAll(/\r\n?/g, '\n'), lexer.tokens)
    for (const { src, tokens } of lexer.inlineQueue) {
      if (src.length > mostInParagraph || (src.match(marks)?.length ?? 0) > mostMarks) tokens.push({ type: 'text', raw: src, text: src })
      else lexer.inlineTokens(src, tokens)
    }
    return blocks(lexer.tokens, 0)
  } catch {
    return null // the lexer's own limits, its stack among them
  }
}

function blocks(tokens: readonly Token[], depth: number): Block[] {
  return tokens.flatMap((token): Block[] => {
    if (depth > mostNested) return [{ kind: 'verbatim', text: token.raw }]
    const one = block(token as MarkedToken, depth)
    return one === null ? [] : [one]
  })
}

function block(token: MarkedToken, depth: number): Block | null {
  switch (token.type) {
    case 'space':
    case 'checkbox': // its item says it
      return null
    case 'paragraph':
      return { kind: 'paragraph', children: inlines(token.tokens, 0) }
    case 'text':
      return { kind: 'paragraph', children: token.tokens === undefined ? [{ kind: 'text', text: token.text }] : inlines(token.tokens, 0) }
    case 'heading':
      return { kind: 'heading', depth: token.depth, children: inlines(token.tokens, 0) }
    case 'code':
      return { kind: 'code', text: token.text, language: token.lang ?? '' }
    case 'blockquote':
      return { kind: 'quote', blocks: blocks(token.tokens, depth + 1) }
    case 'list':
      return {
        kind: 'list',
        ordered: token.ordered,
        start: token.start === '' ? 1 : token.start,
        items: token.items.map((item) => ({ checked: item.task ? (item.checked ?? false) : null, blocks: blocks(item.tokens, depth + 1) }))
      }
    case 'table':
      return {
        kind: 'table',
        align: token.align,
        header: token.header.map((cell) => inlines(cell.tokens, 0)),
        rows: token.rows.map((row) => row.map((cell) => inlines(cell.tokens, 0)))
      }
    case 'hr':
      return { kind: 'rule' }
    default: // HTML, definitions of links
      return { kind: 'verbatim', text: token.raw.replace(/\n+$/, '') }
  }
}

function inlines(tokens: readonly Token[], depth: number): Inline[] {
  if (depth > mostNested) return [{ kind: 'text', text: tokens.map(({ raw }) => raw).join('') }]
  return tokens.flatMap((token): Inline[] => {
    const one = inline(token as MarkedToken, depth)
    return one === null ? [] : [one]
  })
}

function inline(token: MarkedToken, depth: number): Inline | null {
  switch (token.type) {
    case 'checkbox':
      return null
    case 'strong':
    case 'em':
    case 'del':
      return { kind: token.type, children: inlines(token.tokens, depth + 1) }
    case 'codespan':
      return { kind: 'code', text: token.text }
    case 'link':
      return { kind: 'link', children: inlines(token.tokens, depth + 1), address: token.href }
    case 'image':
      return { kind: 'image', text: token.text, address: token.href }
    case 'br':
      return { kind: 'break' }
    case 'escape':
    case 'text':
      return { kind: 'text', text: token.text }
    default: // HTML
      return { kind: 'text', text: token.raw }
  }
}

/** What a reader sees of it, without the marks. */
export function textOf(nodes: readonly Inline[]): string {
  return nodes
    .map((node) => {
      if (node.kind === 'break') return '\n'
      return 'children' in node ? textOf(node.children) : node.text
    })
    .join('')
}
