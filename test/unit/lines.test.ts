import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { readBytes } from '../../src-main/engine/data/bytes.ts'
import { maxRowBytes as maxLineBytes } from '../../src-main/engine/data/limits.ts'
import { readLines, type Line } from '../../src-main/engine/data/lines.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-lines-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
async function linesOf(content: string | Buffer, ending = 'txt'): Promise<Line[]> {
  const file = join(directory, `${++files}.${ending}`)
  writeFileSync(file, content)
  return linesIn(file)
}
const linesIn = async (file: string, signal?: AbortSignal): Promise<Line[]> => (await Array.fromAsync(readLines(readBytes(file, { packed: file.endsWith('gz'), signal })))).flat()
const texts = (lines: Line[]): (string | null)[] => lines.map((line) => line.text)

describe('lines of a file', () => {
  test('are numbered from 1; blank ones are passed over and counted', async () => {
    expect(await linesOf('a\n\n  \nb\n')).toEqual([
      { number: 1, text: 'a', problem: null },
      { number: 4, text: 'b', problem: null }
    ])
  })

  test('the last one needs no line end', async () => {
    expect(texts(await linesOf('a\nb'))).toEqual(['a', 'b'])
  })

  test('an empty file has none', async () => {
    expect(await linesOf('')).toEqual([])
  })

  test('CRLF leaves the values of JSON rows as they are', async () => {
    const lines = await linesOf('{"a": "x"}\r\n\r\n{"a": "y"}\r\n')
    expect(lines.map((line) => [line.number, JSON.parse(line.text ?? '')])).toEqual([[1, { a: 'x' }], [3, { a: 'y' }]])
  })

  test('a byte order mark is not part of the first', async () => {
    expect(texts(await linesOf('\ufeffa\nb'))).toEqual(['a', 'b'])
  })

  test('.gz is unpacked', async () => {
    expect(texts(await linesOf(gzipSync('a\nß\n'), 'jsonl.gz'))).toEqual(['a', 'ß'])
  })

  test('.gz of several members, as log tools write it, is read to its end', async () => {
    expect(texts(await linesOf(Buffer.concat([gzipSync('a\n'), gzipSync('b\n')]), 'gz'))).toEqual(['a', 'b'])
  })

  test('bad UTF-8 is reported with its line and the others are kept', async () => {
    const lines = await linesOf(Buffer.concat([Buffer.from('a\n'), Buffer.of(0xc3, 0x28, 10), Buffer.of(0xed, 0xa0, 0x80, 10), Buffer.from('b')]))
    expect(texts(lines)).toEqual(['a', null, null, 'b'])
    expect(lines[1]).toEqual({ number: 2, text: null, problem: 'it is not valid UTF-8' })
  })

  test('characters and lines that lie across the chunks of the reader stay whole', async () => {
    const written = Array.from({ length: 40_000 }, (_, i) => `${i} ${'äöü€💬'.repeat(i % 7)}`)
    expect(texts(await linesOf(written.join('\n')))).toEqual(written)
    expect(texts(await linesOf(gzipSync(written.join('\n')), 'gz'))).toEqual(written)
  })

  test('every position of a line end around a chunk\'s edge is found', async () => {
    const edge = 1 << 18
    for (const shift of [-2, -1, 0, 1]) {
      const first = 'x'.repeat(edge + shift)
      expect((await linesOf(`${first}\nb`)).map((line) => [line.number, line.text?.length])).toEqual([[1, first.length], [2, 1]])
    }
  })

  test('too long a line is reported, even one that a small .gz blows up, and reading goes on', async () => {
    const long = Buffer.alloc(maxLineBytes * 3, 'x')
    const lines = await linesOf(gzipSync(Buffer.concat([Buffer.from('a\n'), long, Buffer.from('\nb\n')]), { level: 1 }), 'gz')
    expect(lines).toEqual([
      { number: 1, text: 'a', problem: null },
      { number: 2, text: null, problem: 'it is longer than 16 MB' },
      { number: 3, text: 'b', problem: null }
    ])
  })

  test('a line of exactly the limit is read', async () => {
    const [line, next] = await linesOf(`${'x'.repeat(maxLineBytes)}\ny`)
    expect(line?.text?.length).toBe(maxLineBytes)
    expect(next?.text).toBe('y')
  })
})

describe('a file that cannot be read to its end throws', () => {
  test('a .gz that is cut off', async () => {
    const whole = gzipSync(Array.from({ length: 5000 }, (_, i) => `line ${i * 7919}`).join('\n'))
    await expect(linesOf(whole.subarray(0, whole.length - 200), 'gz')).rejects.toThrow(/unexpected end of file/)
  })

  test('text named .gz', async () => {
    await expect(linesOf('{"prompt": "q"}\n', 'gz')).rejects.toThrow(/incorrect header/)
  })

  test('no file, packed or not', async () => {
    for (const name of ['none.txt', 'none.gz']) await expect(linesIn(join(directory, name))).rejects.toThrow(/ENOENT/)
  })

  test('one that is stopped from outside', async () => {
    const abort = new AbortController()
    const file = join(directory, 'stopped.txt')
    writeFileSync(file, 'a\n'.repeat(1 << 20))
    await expect(async () => {
      for await (const _ of readLines(readBytes(file, { packed: false, signal: abort.signal }))) abort.abort()
    }).rejects.toThrow(/abort/i)
  })
})
