/** Embeddings of whole texts and the conversion of published encoders, against a float64 forward pass that reads the published files itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadModel, type Model } from '../../native/llama.ts'
import { openVariant } from '../../native/variants.ts'
import { bertGguf, type BertFiles } from '../../src-main/engine/models/bert-gguf.ts'
import { writeGguf } from '../../src-main/engine/models/gguf-writer.ts'
import type { SkippedEvent } from '../../src-main/model-host/messages/generate.ts'
import type { EmbeddedEvent } from '../../src-main/model-host/messages/read-text.ts'
import { relativeError } from '../fixtures/batches.ts'
import { bertStates, cosineOf, meanOf, type BertWeights } from '../fixtures/bert-forward.ts'
import { loadHost, type Host } from '../fixtures/hosts.ts'
import { pieces, publishedBert, weightsOf } from '../fixtures/published-bert.ts'
import { writeTinyBert } from '../fixtures/tiny-bert.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'embed-test-'))
const at = (name: string): string => join(folder, name)
const never = new AbortController().signal
beforeAll(() => void openVariant('cpu'))
afterAll(() => rmSync(folder, { recursive: true }))

/** activations meet float16 matrices as float16, and ggml's GELU is a table of float16 */
const noise = 5e-3

async function embedOn(host: Host, texts: string[], signal = never) {
  const events: (EmbeddedEvent | SkippedEvent)[] = []
  await host.embed({ requests: texts.map((text, key) => ({ key, text })) }, (event) => void events.push(event), signal)
  return events
}

const embeddingOf = (event: EmbeddedEvent | SkippedEvent | undefined): Float32Array => {
  if (event?.kind !== 'embedded') throw new Error(event?.reason)
  return event.embedding
}

describe('an encoder as it is published', () => {
  let files: BertFiles
  let weights: BertWeights
  let model: Model
  const contextTokens = 24
  beforeAll(async () => {
    files = publishedBert()
    weights = weightsOf(files)
    const { metadata, tensors } = bertGguf(files, { name: 'tiny', licence: 'apache-2.0', contextTokens })
    writeGguf(at('published.gguf'), metadata, tensors)
    model = await loadModel(at('published.gguf'), 0, true)
  })

  test.each([
    ['the cats', ['the', 'cat', '##s']],
    ['THE Café', ['the', 'cafe']],
    ['Cafe\u0301 cats.', ['cafe', 'cat', '##s', '.']],
    ['unplayable, played!', ['un', '##p', '##l', '##a', '##y', '##able', ',', 'play', '##ed', '!']],
    ['中国the', ['中', '国', 'the']],
    ['人', ['[UNK]']],
    ['the 💬 cat', ['the', '[UNK]', 'cat']],
    ["cat's ПРИВЕТ", ['cat', "'", 's', 'привет']],
    ['12 3', ['1', '##2', '3']],
    ['a\tb\n\u00a0c\u200b', ['a', 'b', 'c']],
    ['cat\u0000s', ['cat', '##s']],
    ['[SEP] the', ['[UNK]', 's', '##e', '##p', '[UNK]', 'the']]
  ])('tokens of %j', (text, expected) => {
    const tokens = Array.from(model.tokenize(text, true, false), (token) => pieces[token])
    expect(tokens).toEqual(['[CLS]', ...expected, '[SEP]'])
  })

  test('mean over all tokens of the last states', async () => {
    const host = await loadHost(at('published.gguf'), { scores: 'embedding' })
    const texts = ['the cats', 'a', 'unplayable, played! 中国 the cat plays, the cafe.']
    const events = await embedOn(host, texts)
    for (const [i, text] of texts.entries()) {
      const expected = meanOf(bertStates(weights, model.tokenize(text, true, false)))
      expect(events[i]).toMatchObject({ key: i, cut: false })
      expect(relativeError(Array.from(embeddingOf(events[i])), expected)).toBeLessThan(noise)
    }
  })

  test('a text that is too long is cut, with its end token, and said to be', async () => {
    const host = await loadHost(at('published.gguf'), { scores: 'embedding' })
    const text = 'the cat '.repeat(40)
    const tokens = Array.from(model.tokenize(text, true, false)).slice(0, contextTokens - 1)
    const [event, whole] = await embedOn(host, [text, 'the cat '.repeat(11)])
    expect(event).toMatchObject({ cut: true })
    expect(whole).toMatchObject({ cut: false })
    expect(relativeError(Array.from(embeddingOf(event)), meanOf(bertStates(weights, [...tokens, pieces.indexOf('[SEP]')])))).toBeLessThan(noise)
    expect(embeddingOf(event)).toEqual(embeddingOf(whole)) // 22 words between [CLS] and [SEP] are 24 tokens
  })

  test('the same bits whatever is embedded before; nothing is embedded of nothing; cancelled in between', async () => {
    const host = await loadHost(at('published.gguf'), { scores: 'embedding' })
    const [one, none, again] = await embedOn(host, ['the cats', ' \n', 'the cats'])
    expect(embeddingOf(again)).toEqual(embeddingOf(one))
    expect(none).toEqual({ kind: 'skipped', key: 1, reason: 'the text is empty' })
    const abort = new AbortController()
    abort.abort()
    await expect(embedOn(host, ['the'], abort.signal)).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('what is no such encoder is refused', () => {
    const about = { name: 'x', licence: 'x', contextTokens }
    const changed = (part: keyof BertFiles, change: (json: Record<string, never>) => unknown): BertFiles => ({ ...files, [part]: Buffer.from(JSON.stringify(change(JSON.parse(files[part].toString()) as Record<string, never>))) })
    expect(() => bertGguf(changed('config', ({ hidden_size: _, ...rest }) => rest), about)).toThrow('hidden_size')
    expect(() => bertGguf(changed('config', (config) => ({ ...config, num_hidden_layers: 3 })), about)).toThrow('encoder.layer.2.attention.self.query.weight is not there')
    expect(() => bertGguf(changed('tokenizer', (tokenizer) => ({ ...tokenizer, model: { type: 'BPE' } })), about)).toThrow('WordPiece')
  })
})

test('a file that names no pooling is pooled by the mean; it embeds and gives neither rewards nor text', async () => {
  const bert = writeTinyBert(at('bert.gguf'), null)
  const host = await loadHost(at('bert.gguf'), { scores: 'embedding', threads: null })
  const model = await loadModel(at('bert.gguf'), 0, true)
  const texts = ['the good people', 'love']
  const events = await embedOn(host, texts)
  const expected = texts.map((text) => bert.embedding(model.tokenize(text, true, false)))
  for (const [i, event] of events.entries()) expect(relativeError(Array.from(embeddingOf(event)), expected[i]!)).toBeLessThan(noise)
  expect(cosineOf(embeddingOf(events[0]), embeddingOf(events[1]))).toBeCloseTo(cosineOf(expected[0]!, expected[1]!), 3)
  await expect(host.score({ requests: [] }, () => {}, never)).rejects.toThrow('not loaded to give rewards')
  expect(() => host.generate({ requests: [], parallel: 1, states: false, tokens: false, deterministic: false }, () => {}, never)).toThrow('rewards or embeddings')
})

test('a model that generates can embed too, and only such a host does', async () => {
  writeTinyModel(at('llama.gguf'))
  const [event] = await embedOn(await loadHost(at('llama.gguf'), { scores: 'embedding', contextTokens: 64 }), ['love '.repeat(200)])
  expect(event).toMatchObject({ kind: 'embedded', cut: true })
  await expect(embedOn(await loadHost(at('llama.gguf')), ['the'])).rejects.toThrow('not loaded to give embeddings')
})
