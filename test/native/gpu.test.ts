/**
 * The tiny model on a graphics processor, where there is one: all of it, parts of it and none of it give the same.
 * (GGML_VK_VISIBLE_DEVICES=0 makes Vulkan take a driver that computes on the processor, e.g. Mesa's llvmpipe.)
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Context, Sampler, loadModel } from '../../native/llama.ts'
import { backends, openVariant } from '../../native/variants.ts'
import { batchOf, generate, relativeError } from '../fixtures/batches.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { ReferenceLlama } from './reference-llama.ts'

/** The first backend with a GPU; those before it open nothing, or the process could not go on. */
function openGpu(): boolean {
  for (const backend of backends) {
    const { variant, gpus } = openVariant(backend)
    if (gpus.length > 0) return true
    if (variant !== null) return false
  }
  return false
}

const folder = mkdtempSync(join(tmpdir(), 'gpu-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe.runIf(openGpu())('on a graphics processor', () => {
  const file = join(folder, 'tiny.gguf')
  const weights = writeTinyModel(file)
  const settings = { contextTokens: 256, sequences: 1, batchTokens: 64, threads: 1 }
  const prompt = [1, 300, 301, 302]
  const answers: number[][] = []

  test.each([0, 1, 2, 3])('%i of 3 layers: the states are those of the model, the greedy tokens those of the processor', async (gpuLayers) => {
    const model = await loadModel(file, gpuLayers)
    const context = new Context(model, settings)
    const { states } = await context.decode(batchOf([{ sequence: 0, tokens: prompt }]))
    const reference = new ReferenceLlama(weights).decode(prompt).at(-1)!
    expect(relativeError(states, reference.state)).toBeLessThan(1e-2)
    context.removeSequence(0)
    const greedy = new Sampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 })
    const [answer = []] = await generate(context, [Int32Array.from(prompt)], 6, [greedy])
    answers.push(answer)
    expect(answers.at(-1)).toEqual(answers[0])
    context.free()
    model.free()
  })
})
