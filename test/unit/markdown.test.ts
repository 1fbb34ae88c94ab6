/** Markdown of a model: whatever it holds becomes text in a few kinds of nodes, and no input keeps the window busy. */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parseMarkdown, textOf, type Block, type Inline } from '../../src-renderer/ui/markdown/parse.ts'

const folder = resolve(import.meta.dirname, '..', '..', 'src-renderer', 'ui', 'markdown')

test('the usual marks become what they mean', () => {
  expect(parseMarkdown('# Plan\n\nDo *this* **now**, ~~not~~ `that`.\n\n1. one\n2. two\n\n- [x] done\n- [ ] open\n\n> quoted\n\n```py\nx = 1\n```\n\n---\n\n|a|b|\n|-|-:|\n|1|2|')).toEqual([
    { kind: 'heading', depth: 1, children: [{ kind: 'text', text: 'Plan' }] },
    {
      kind: 'paragraph',
      children: [
        { kind: 'text', text: 'Do ' },
        { kind: 'em', children: [{ kind: 'text', text: 'this' }] },
        { kind: 'text', text: ' ' },
        { kind: 'strong', children: [{ kind: 'text', text: 'now' }] },
        { kind: 'text', text: ', ' },
        { kind: 'del', children: [{ kind: 'text', text: 'not' }] },
        { kind: 'text', text: ' ' },
        { kind: 'code', text: 'that' },
        { kind: 'text', text: '.' }
      ]
    },
    { kind: 'list', ordered: true, start: 1, items: ['one', 'two'].map((text) => ({ checked: null, blocks: [paragraph(text)] })) },
    { kind: 'list', ordered: false, start: 1, items: [['done', true], ['open', false]].map(([text, checked]) => ({ checked, blocks: [paragraph(text as string)] })) },
    { kind: 'quote', blocks: [paragraph('quoted')] },
    { kind: 'code', text: 'x = 1', language: 'py' },
    { kind: 'rule' },
    { kind: 'table', align: [null, 'right'], header: [[{ kind: 'text', text: 'a' }], [{ kind: 'text', text: 'b' }]], rows: [[[{ kind: 'text', text: '1' }], [{ kind: 'text', text: '2' }]]] }
  ])
})

const payloads = [
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '<iframe srcdoc="<script>alert(1)</script>"></iframe>', '<style>*{display:none}</style>',
  '<a href="javascript:alert(1)">x</a>', '<details open ontoggle=alert(1)>', '<!-- hidden --> shown', '<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
  '**<b onclick=alert(1)>bold</b>**', '> <script>alert(1)</script>', '- <img src=x onerror=alert(1)>', '`<script>`', '```html\n<script>alert(1)</script>\n```',
  '| <script>alert(1)</script> | b |\n|-|-|\n| <img src=x> | 2 |', '# <script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;', '&#106;avascript:alert(1)',
  '\u202Ereversed\u202C text', 'שלום **עולם** مرحبا', '👩‍👩‍👧‍👦 **👍🏽** 🏳️‍🌈', 'zero\u200Bwidth\u200D\uFEFF', 'null\0character', '\uD800 alone', 'a\u0300'.repeat(500),
  '[q]: http://example.org "title"', '[^1]: note', '{{constructor.constructor("alert(1)")()}}', '{@html "<script>"}', '${alert(1)}'
]

test.each(payloads)('%j loses none of its letters and runs nothing', (payload) => {
  const tree = parseMarkdown(payload)
  expect(tree).not.toBe(null)
  const shown = textOfBlocks(tree!)
  const letters = payload.replaceAll(/[^\p{L}\p{Emoji_Presentation}]/gu, '')
  // the language of a fence is shown beside it
  expect(shown.replaceAll(/[^\p{L}\p{Emoji_Presentation}]/gu, '')).toContain(payload.startsWith('```') ? 'scriptalertscript' : letters)
})

test.each([
  ['[click](javascript:alert(1))', 'javascript:alert(1)'], ['[click](JaVaScRiPt:alert(1))', 'JaVaScRiPt:alert(1)'], ['[click](data:text/html,<script>alert(1)</script>)', 'data:text/html,<script>alert(1)</script>'],
  ['[click](<vbscript:x y>)', 'vbscript:x y'], ['[click](file:///etc/passwd)', 'file:///etc/passwd'], ['<https://example.org/?a=1&b=2>', 'https://example.org/?a=1&b=2'], ['see https://example.org now', 'https://example.org']
])('%s is a link that shows its address', (text, address) => {
  const [one] = parseMarkdown(text)!
  const link = one?.kind === 'paragraph' ? one.children.find((node) => node.kind === 'link') : undefined
  expect(link).toMatchObject({ kind: 'link', address })
})

test('an image is its text and its address', () => {
  expect(parseMarkdown('![a cat](https://example.org/cat.png)')).toEqual([{ kind: 'paragraph', children: [{ kind: 'image', text: 'a cat', address: 'https://example.org/cat.png' }] }])
})

test('no component makes HTML, links or images of it', () => {
  const components = readdirSync(folder).filter((name) => name.endsWith('.svelte'))
  expect(components.length).toBeGreaterThan(0)
  for (const name of components) expect(readFileSync(resolve(folder, name), 'utf8')).not.toMatch(/\{@html|<a[\s>]|<img|href=|src=|innerHTML/)
})

/** All of these take the lexer quadratic time, or its stack, when they are long enough. */
const repeated = ['*', '[', '>', '> ', '`', '_', '*a ', '![', '<', '[a](', '- ', '1. ', '*_`[<', '<!--', 'a_', '- a\n  - b\n', '*a\n', '    a\n', '>\n', '|a', '- > ', '(', '\\', ' ', '\n', 'a  \n']

test.each(repeated)('%j, fifty thousand characters of it, is left as it is or read', (piece) => {
  for (const [before, length] of [['', 50_000], ['', 39_000], ['- ', 39_000], ['a ', 9_000], ['> ', 9_000]] as const) {
    const text = before + piece.repeat(length / piece.length)
    const tree = parseMarkdown(text)
    if (length === 50_000) expect(tree).toBe(null)
    else if (tree !== null) expect(depthOf(tree)).toBeLessThan(20)
  }
})

test('lists and quotes in one another end somewhere', () => {
  const list = (depth: number): string => Array.from({ length: depth }, (_, i) => `${'  '.repeat(i)}- ${i}`).join('\n')
  expect(depthOf(parseMarkdown(list(10))!)).toBe(10)
  expect(parseMarkdown(list(200))).toBe(null)
  expect(parseMarkdown(`${'> '.repeat(200)}deep`)).toBe(null)
  expect(parseMarkdown(`${'>'.repeat(5000)} deep`)).toBe(null)
})

test('a line of a hundred thousand characters is left as it is', () => {
  expect(parseMarkdown('word '.repeat(20_000))).toBe(null)
})

test('while an answer streams, what is there already stays what it was', () => {
  const whole = '# Title\n\nFirst *paragraph* here.\n\n- one\n- two\n\n```js\nlet x\n```\n\nEnd.'
  for (let length = 30; length <= whole.length; length++) expect(parseMarkdown(whole.slice(0, length))![0]).toEqual(parseMarkdown(whole)![0])
})

function paragraph(text: string): Block {
  return { kind: 'paragraph', children: [{ kind: 'text', text }] }
}

function textOfBlocks(tree: Block[]): string {
  return tree
    .map((block): string => {
      switch (block.kind) {
        case 'paragraph':
        case 'heading':
          return shown(block.children)
        case 'code':
        case 'verbatim':
          return block.text
        case 'quote':
          return textOfBlocks(block.blocks)
        case 'list':
          return block.items.map((item) => textOfBlocks(item.blocks)).join('\n')
        case 'table':
          return [block.header, ...block.rows].flat().map(shown).join('\n')
        case 'rule':
          return ''
      }
    })
    .join('\n')
}

/** With the addresses, as the window shows them. */
function shown(nodes: Inline[]): string {
  return textOf(nodes)
}

function depthOf(tree: Block[]): number {
  return Math.max(0, ...tree.map((block) => (block.kind === 'quote' ? 1 + depthOf(block.blocks) : block.kind === 'list' ? 1 + Math.max(0, ...block.items.map((item) => depthOf(item.blocks))) : 0)))
}
