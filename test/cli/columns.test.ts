/** Adapters and other models from the terminal. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomDirections, writeControlVector, writeTinyLora } from '../fixtures/adapters.ts'
import { writeTinyModel, writeTinyWeights } from '../fixtures/tiny-model.ts'
import { makeHome, type Home } from './terminal.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  mkdirSync(home.path('files'))
  const weights = writeTinyModel(home.path('files', 'again.gguf'))
  writeTinyWeights(home.path('files', 'merged.gguf'), writeTinyLora(home.path('files', 'lora.gguf'), weights)(1))
  writeControlVector(home.path('files', 'vector.gguf'), randomDirections([1], 64))
  writeFileSync(home.path('rows.jsonl'), Array.from({ length: 3 }, (_, i) => `${JSON.stringify({ prompt: `Question ${i}?` })}\n`).join(''))
  for (const words of [['project', 'new', 'p', '--model', 'tiny.gguf'], ['data', 'import', 'p', 'rows.jsonl']]) expect(await home.cli(...words)).toMatchObject({ code: 0 })
})
afterAll(() => home.remove())

const generate = (method: string, ...flags: string[]) => home.cli('generate', 'p', '--method', method, '--dataset', '1', '--max-tokens', '6', '--temperature', '0', '--json', ...flags)
const texts = ({ json }: Awaited<ReturnType<typeof generate>>): string[] => json['responses'].map(({ response }: { response: string }) => response)

test('a LoRA gives what the merged model gives, and a control vector something else; the run keeps absolute paths', async () => {
  const [base, lora, merged, vector] = [await generate('base'), await generate('lora', '--lora-file', 'files/lora.gguf'), await generate('model', '--model-file', 'files/merged.gguf'), await generate('control-vector', '--vector-file', 'files/vector.gguf', '--strength', '-1')]
  for (const result of [base, lora, merged, vector]) expect(result).toMatchObject({ code: 0 })
  expect(texts(merged)).toEqual(texts(lora))
  expect(new Set([base, lora, vector].map((result) => texts(result).join())).size).toBe(3)
  expect(lora.json).toMatchObject({ method: 'lora', settings: { loraFile: home.path('files', 'lora.gguf'), scale: 1 } })
})

test('what does not fit is one line', async () => {
  for (const [method, flag, name, reason] of [['lora', '--lora-file', 'vector.gguf', 'general.type'], ['control-vector', '--vector-file', 'lora.gguf', 'none of a control vector'], ['model', '--model-file', 'none.gguf', 'there is no file']] as const) {
    const result = await generate(method, flag, `files/${name}`)
    expect(result.code, method).toBe(1)
    expect(result.stderr).toContain(reason)
    expect(result.stderr.trim().split('\n').filter((line) => line.includes(name))).toHaveLength(1)
  }
  const missing = await generate('lora')
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('loraFile')
})
