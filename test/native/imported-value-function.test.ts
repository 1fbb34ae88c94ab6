/**
 * Value functions that PyTorch trained, imported from a .pth file: the addon gives PyTorch's values and gradients, and with
 * c = 1 the tokens that an independent float64 model gives when it climbs the same network.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Context, loadModel, openLibraries, Sampler } from '../../native/llama.ts'
import { ValueFunction, type Layer } from '../../native/value-function.ts'
import { findVariant } from '../../native/variants.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { exportValueFunction, importValueFunction } from '../../src-main/engine/value/exchange.ts'
import type { Network } from '../../src-main/model-host/messages/train.ts'
import { ownDirectory } from '../engine/studio.ts'
import { generate } from '../fixtures/batches.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { stateDictFile, type StorageType } from '../fixtures/torch-file.ts'
import { ascend } from '../fixtures/value-functions.ts'
import { referenceResponse } from './reference-llama.ts'

interface Vectors {
  input_dim: number
  layers: { weight: number[][]; bias: number[] }[]
  h: number[][]
  value: number[]
  gradient: number[][]
  ascent: { step_size: number; updates: number; h: number[][] }[]
}

const vectorsDirectory = join(import.meta.dirname, '../../../shared/vectors')
/** As in context.test.ts: a choice that is closer than the logits' noise is no evidence either way. */
const clearLead = 0.05

/** What torch.save(value_model.state_dict()) writes of these weights. */
const fileOf = ({ layers }: Pick<Vectors, 'layers'>, type: StorageType): Buffer =>
  stateDictFile(layers.flatMap(({ weight, bias }, i) => [
    { name: `fc${i + 1}.weight`, shape: [weight.length, weight[0]!.length], values: weight.flat() },
    { name: `fc${i + 1}.bias`, shape: [bias.length], values: bias }
  ]), type)

function openProject(modelFile: string | null): { directory: string; project: Project } {
  const directory = ownDirectory()
  const project = Project.create(join(directory, 'project'), modelFile)
  onTestFinished(() => project.close())
  return { directory, project }
}

async function imported(bytes: Buffer, modelFile: string | null): Promise<{ network: Network; scale: number }> {
  const { directory, project } = openProject(modelFile)
  const file = join(directory, 'value_model.pth')
  writeFileSync(file, bytes)
  const { id } = await importValueFunction(project, file)
  const again = await importValueFunction(project, await exportValueFunction(project, id, join(directory, 'v.safetensors')))
  expect(project.valueFunctions.network(again.id)).toEqual(project.valueFunctions.network(id))
  return { network: project.valueFunctions.network(id), scale: project.valueFunctions.detail(id).scale }
}

function relativeError(actual: ArrayLike<number>, expected: number[]): number {
  expect(actual.length).toBe(expected.length)
  return Math.hypot(...expected.map((x, i) => x - actual[i]!)) / Math.hypot(...expected)
}

describe.skipIf(!existsSync(vectorsDirectory)).each(['one', 'two'])("PyTorch's value function with %s hidden", (hidden) => {
  const read = (): Vectors => JSON.parse(readFileSync(join(vectorsDirectory, `value-function.${hidden}-hidden.json`), 'utf8')) as Vectors

  test.each(['DoubleStorage', 'FloatStorage'] as const)('of %s gives the same values, gradients and ascents', async (type) => {
    const vectors = read()
    const { network, scale } = await imported(fileOf(vectors, type), null)
    expect(scale).toBe(1)
    const V = new ValueFunction(network)
    const states = Float32Array.from(vectors.h.flat())
    for (const [i, value] of V.values(states).entries()) expect(Math.abs(value - vectors.value[i]!)).toBeLessThan(1e-5 * Math.abs(vectors.value[i]!))
    expect(relativeError(V.gradients(states), vectors.gradient.flat())).toBeLessThan(1e-5)
    for (const { step_size, updates, h } of vectors.ascent) {
      expect(relativeError(V.ascendExplicit(states, { stepSize: step_size, updates }).states, h.flat())).toBeLessThan(1e-5)
      expect(relativeError(V.ascend(states, { stepSize: step_size, updates }).states, h.flat())).toBeLessThan(1e-4)
    }
  })

  test('gives the greedy tokens of the float64 reference with c = 1', async () => {
    const { input_dim: taken, layers } = read()
    const file = join(ownDirectory(), 'tiny.gguf')
    const weights = writeTinyModel(file)
    const D = weights.embeddingLength
    // it looks at the first numbers of a state: its weights are PyTorch's, and 0 for the others
    const wide = { layers: layers.map((layer, l) => (l === 0 ? { ...layer, weight: layer.weight.map((row) => [...row, ...new Array<number>(D - taken).fill(0)]) } : layer)) }
    const { network, scale } = await imported(fileOf(wide, 'FloatStorage'), file)
    const reference: Layer[] = wide.layers.map(({ weight, bias }) => ({ weight: Float32Array.from(weight.flat()), bias: Float32Array.from(bias) }))
    const settings = { stepSize: 0.5 * scale ** 2, updates: 30 }

    openLibraries(findVariant().directory)
    const model = await loadModel(file, 0)
    const context = new Context(model, { contextTokens: 512, sequences: 4, batchTokens: 128, threads: 1 })
    const greedy = (): Sampler => new Sampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 })
    let [compared, changed] = [0, 0]
    for (const text of ['the', 'good', 'people', 'why', 'love', 'sad', 'question', 'because', 'terrible you', 'thank you', 'know you', 'why is it?']) {
      const prompt = model.tokenize(text, true, false)
      const expected = referenceResponse(weights, prompt, 16, (state) => ascend(reference, state, settings))
      if (expected.narrowest < clearLead) continue
      const answer = async (control: Parameters<typeof generate>[4]): Promise<number[]> => {
        context.removeSequence(0)
        return (await generate(context, [prompt], 16, [greedy()], control))[0]!
      }
      expect(await answer([{ valueFunction: new ValueFunction(network), ...settings }])).toEqual(expected.tokens)
      if ((await answer(undefined)).join() !== expected.tokens.join()) changed++
      compared++
    }
    expect(compared).toBeGreaterThan(3)
    expect(changed).toBeGreaterThan(0)
  })
})

test('a value function of another length than the states of the model is refused, and nothing is added', async () => {
  const file = join(ownDirectory(), 'tiny.gguf')
  writeTinyModel(file)
  const { directory, project } = openProject(file)
  const path = join(directory, 'narrow.pth')
  writeFileSync(path, fileOf({ layers: [{ weight: [[1, 2, 3]], bias: [0] }] }, 'FloatStorage'))
  await expect(importValueFunction(project, path)).rejects.toMatchObject({ code: 'not-usable', message: expect.stringMatching(/takes states of 3 numbers, but .* have 64/) as string })
  expect(project.valueFunctions.list()).toEqual([])
})
