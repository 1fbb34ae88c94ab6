import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { importSettings } from '../../src-main/contract/data.ts'
import { formatNamed, formats } from '../../src-main/engine/data/formats.ts'
import { previewData } from '../../src-main/engine/data/preview.ts'
import { readRows, type GoodRow, type ReadOptions } from '../../src-main/engine/data/read-rows.ts'
import type { Row } from '../../src-main/engine/data/row.ts'

const parse = (format: Parameters<typeof formatNamed>[0], row: Row) => formatNamed(format).parse(row)

function fileOf(...rows: unknown[]): string {
  const directory = mkdtempSync(join(tmpdir(), 're-control-formats-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'rows.jsonl')
  writeFileSync(file, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'))
  return file
}

async function read(file: string, options: Partial<ReadOptions> = {}) {
  const good: (GoodRow & { format: string })[] = []
  const bad: { line: number; reason: string }[] = []
  for await (const rows of readRows(file, { format: null, map: {}, ...options })) {
    for (const row of rows) {
      if ('good' in row) good.push({ ...row.good, format: row.format.name })
      else bad.push(row.bad)
    }
  }
  return { good, bad }
}

describe('HH-RLHF', () => {
  const chosen = '\n\nHuman: Hi!\n\nAssistant: Hello.\n\nHuman: Why is\n\nthe sky blue?\n\nAssistant: Because of Rayleigh.'
  const rejected = '\n\nHuman: Hi!\n\nAssistant: Hello.\n\nHuman: Why is\n\nthe sky blue?\n\nAssistant: No idea.'

  test('the prompt ends at the last "Assistant:", and neither answer is in it', () => {
    const row = parse('hh-rlhf', { chosen, rejected })
    expect(row.prompt).toBe('\n\nHuman: Hi!\n\nAssistant: Hello.\n\nHuman: Why is\n\nthe sky blue?\n\nAssistant:')
    expect(row).toMatchObject({ chosen: 'Because of Rayleigh.', rejected: 'No idea.' })
    expect(JSON.stringify([row.prompt, row.messages])).not.toMatch(/Rayleigh|No idea/)
  })

  test('the conversation has every turn, in order, and ends with the user', () => {
    expect(parse('hh-rlhf', { chosen, rejected }).messages).toEqual([
      { role: 'user', content: 'Hi!' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'Why is\n\nthe sky blue?' }
    ])
  })

  test('an answer that quotes "Human:" within a line stays whole', () => {
    const row = parse('hh-rlhf', { chosen: '\n\nHuman: q\n\nAssistant: He wrote Human: x', rejected: '\n\nHuman: q\n\nAssistant: r' })
    expect(row.chosen).toBe('He wrote Human: x')
  })

  test.each([
    [{ chosen: '\n\nHuman: q', rejected }, /no "Assistant:"/],
    [{ chosen: '\n\nAssistant: a', rejected }, /no turn before/],
    [{ chosen, rejected: 'x' }, /"rejected" has no "Assistant:"/],
    [{ chosen }, /no "rejected"/],
    [{ chosen: 7, rejected }, /"chosen" is not text/],
    [{ chosen: '   ', rejected }, /"chosen" is empty/]
  ])('a row that is not one says why: %j', (row, reason) => {
    expect(() => parse('hh-rlhf', row as Row)).toThrow(reason)
  })
})

describe('the other formats', () => {
  test('a preference row is a prompt and two answers', () => {
    expect(parse('preference', { prompt: 'q', chosen: 'a', rejected: 'b' })).toMatchObject({
      prompt: 'q', messages: [{ role: 'user', content: 'q' }], chosen: 'a', rejected: 'b'
    })
    expect(() => parse('preference', { prompt: 'q', chosen: 'a' })).toThrow(/no "rejected"/)
  })

  test.each([
    [1, 'A', 'B'],
    [0, 'B', 'A']
  ])('SHP: label %i prefers comment %s', (labels, chosen, rejected) => {
    const row = { history: 'post', human_ref_A: 'A', human_ref_B: 'B', labels }
    expect(parse('shp', row)).toMatchObject({ prompt: 'post', messages: [{ role: 'user', content: 'post' }], chosen, rejected })
  })

  test('SHP without comments is a prompt', () => {
    expect(parse('shp', { history: 'post' })).toMatchObject({ prompt: 'post', chosen: null, rejected: null })
  })

  test('a prompt may come with a reference answer or without one', () => {
    expect(parse('prompts', { prompt: 'q' })).toMatchObject({ prompt: 'q', chosen: null, rejected: null })
    expect(parse('prompts', { prompt: 'q', chosen: '' })).toMatchObject({ chosen: '' })
    for (const prompt of [undefined, null, 3, '', ' \n']) expect(() => parse('prompts', { prompt })).toThrow(/"prompt"/)
  })
})

describe('recognition', () => {
  test.each<[string, Row]>([
    ['hh-rlhf', { chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: b' }],
    ['preference', { prompt: 'q', chosen: 'a', rejected: 'b' }],
    ['preference', { prompt: 'q', chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: b' }],
    ['shp', { post_id: 'x', history: 'post', labels: 1 }],
    ['prompts', { prompt: 'q', chosen: 'a' }]
  ])('%s by its columns', (name, row) => {
    expect(formats.find((format) => format.recognises(row))?.name).toBe(name)
  })

  test('most of the first rows decide for the whole file; the others are reported', async () => {
    const { good, bad } = await read(fileOf('{', { text: 'x' }, { prompt: 'q' }, { history: 'post' }, { history: 'another' }))
    expect(good.map(({ line, format }) => [line, format])).toEqual([[4, 'shp'], [5, 'shp']])
    expect(bad.map((row) => row.line)).toEqual([1, 2, 3])
    expect(bad[0]?.reason).toMatch(/not JSON/)
    expect(bad[1]?.reason).toMatch(/no "history"/)
  })

  test('where no row looks like any format, each says which columns it has', async () => {
    const { good, bad } = await read(fileOf({ text: 'x' }, { text: 'y' }))
    expect(good).toEqual([])
    expect(bad.map(({ reason }) => reason)).toEqual([expect.stringMatching(/no known format has its columns \(text\).*--map prompt=text/), expect.stringMatching(/no known format/)])
  })

  test.each(['[1]', 'null', '"text"', '3'])('%s is no row', async (line) => {
    expect((await read(fileOf(line))).bad).toEqual([{ line: 1, reason: 'it is not a JSON object' }])
  })

  test('--map gives a part another column', async () => {
    const { good, bad } = await read(fileOf({ question: 'q', prompt: 'old', topic: 't' }), { map: { prompt: 'question' } })
    expect(bad).toEqual([])
    expect(good[0]?.parsed.prompt).toBe('q')
    expect(good[0]?.row).toMatchObject({ topic: 't' })
  })

  test('a mapped column that a row does not have is reported, not invented', async () => {
    const { good, bad } = await read(fileOf({ prompt: 'old' }), { map: { prompt: 'question' }, format: 'prompts' })
    expect(good).toEqual([])
    expect(bad[0]?.reason).toMatch(/no "prompt"/)
  })

  test('a row with __proto__ changes nothing but itself', async () => {
    const { good } = await read(fileOf('{"prompt": "q", "__proto__": {"polluted": true}, "constructor": 1}'), { map: { extra: 'constructor' } })
    expect(good).toHaveLength(1)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

const shared = resolve(import.meta.dirname, '..', '..', '..', 'shared', 'data')
const hh = join(shared, 'hh-rlhf.harmless-base.jsonl.gz')
const shp = join(shared, 'shp.prompts.jsonl.gz')

describe.skipIf(!existsSync(hh) || !existsSync(shp))('published data', () => {
  test('every HH-RLHF row is used, and its prompt ends with "Assistant:" after a user\'s turn', async () => {
    const { good, bad } = await read(hh)
    expect(bad).toEqual([])
    expect(good).toHaveLength(1500)
    for (const { format, row, parsed } of good) {
      expect(format).toBe('hh-rlhf')
      expect(parsed.prompt.endsWith('\n\nAssistant:')).toBe(true)
      const transcript = row['chosen'] as string
      expect(transcript.startsWith(parsed.prompt)).toBe(true)
      expect(transcript.slice(parsed.prompt.length).trim()).toBe(parsed.chosen)
    }
    // line 1255 has no blank line before its last "Human:", so its last turn reads as the assistant's
    expect(good.filter(({ parsed }) => parsed.messages.at(-1)?.role !== 'user').map((row) => row.line)).toEqual([1255])
  })

  test('every SHP prompt is used', async () => {
    const { good, bad } = await read(shp)
    expect(bad).toEqual([])
    expect(good).toHaveLength(600)
    expect(new Set(good.map(({ format }) => format))).toEqual(new Set(['shp']))
  })

  test('the preview shows the first rows as they would be imported', async () => {
    const preview = await previewData(importSettings.parse({ file: hh }), 'nowhere')
    expect(preview).toMatchObject({ format: 'hh-rlhf', columns: ['chosen', 'rejected'], parts: ['chosen', 'rejected', 'split'], rejected: [] })
    expect(preview.rows.map((row) => row.line)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })
})
