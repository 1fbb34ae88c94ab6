/** What scripts depend on: the words of each command, and the keys of its --json. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readValueFunction } from '../../src-main/engine/value/value-file.ts'
import { makeHome, type Home, type Result } from './terminal.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  const rows = Array.from({ length: 20 }, (_, i) => ({ prompt: `Question ${i}: what of ${i * 7}?`, score: Math.cos(i), split: i < 14 ? 'train' : 'held-out' }))
  writeFileSync(home.path('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
})
afterAll(() => home.remove())

/** Runs a command that must succeed. */
async function good(...words: string[]): Promise<Record<string, any>> {
  const result = await home.cli(...words, '--json')
  expect(result, result.stderr).toMatchObject({ code: 0 })
  expect(result.stdout.trimEnd().split('\n')).toHaveLength(1)
  return result.json
}
const number = expect.any(Number) as number
const text = expect.any(String) as string
const device = { backend: 'cpu', description: text, gpuLayers: 0, layers: 3, reason: expect.stringContaining('as it was chosen') as string }
const manifest = { studio: text, model: expect.stringMatching(/^[0-9a-f]{64}$/) as string, modelFile: text, backend: 'cpu', device: text, gpuLayers: 0, llamaCpp: text, threads: 1, batchTokens: 512 }

// one project, step by step: each test goes on from the one before
describe('the commands in their order', () => {
  test('project new', async () => {
    expect(await good('project', 'new', 'p', '--model', 'tiny.gguf')).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), path: home.path('p') })
    expect(existsSync(home.path('p', 'project.db'))).toBe(true)
  })

  test('model inspect', async () => {
    expect(await good('model', 'inspect', 'tiny.gguf')).toMatchObject({ architecture: 'llama', parameters: number, embeddingLength: 64, contextLength: 2048, quantization: 'F32', device: { ...device, threads: null, batchTokens: null } }) // not measured before it was loaded
  })

  test('data import', async () => {
    expect(await good('data', 'import', 'p', 'rows.jsonl')).toMatchObject({ dataset: 1, imported: 20, rejected: [] })
  })

  test('data import with a mapped column', async () => {
    writeFileSync(home.path('mapped.jsonl'), '{"question": "a"}\n{"question": "b"}\n')
    expect(await good('data', 'import', 'p', 'mapped.jsonl', '--format', 'prompts', '--map', 'prompt=question')).toMatchObject({ dataset: 2, imported: 2 })
  })

  test('collect', async () => {
    const words = ['--dataset', '1', '--limit', '12', '--samples', '2', '--max-tokens', '6', '--parallel', '4', '--seed', '3']
    const result = await good('collect', 'p', ...words)
    expect(result).toMatchObject({ collection: 1, responses: 24, tokens: number, states: result['tokens'], tokensPerSecond: number, device: { ...device, threads: 1, batchTokens: 512 }, manifest: { ...manifest, seed: 3, settings: { samples: 2 } } })
    expect(result['tokens']).toBeGreaterThan(24)
  })

  test('preference train and list, and its rewards', async () => {
    const file = home.path('preferences.jsonl')
    const rows = Array.from({ length: 50 }, (_, i) => ({ prompt: `Is it ${i}?`, chosen: `the ${i} a`, rejected: `the ${i} z`, split: i < 30 ? 'train' : 'test' }))
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    await good('project', 'new', 'preferences', '--model', 'tiny.gguf')
    await good('data', 'import', 'preferences', file)
    const share = { accuracy: number, low: number, high: number }
    const facts = { datasetName: 'preferences', inputDim: 64, trainPairs: 25, heldOutPairs: 20, skipped: 0, ...share, probe: share, lead: share, longer: share, strength: number, trainAccuracy: number, settings: { limit: 25, maxTokens: 16, seed: 2 } }
    expect(await good('preference', 'train', 'preferences', '--dataset', '1', '--limit', '25', '--max-tokens', '16', '--seed', '2')).toMatchObject({ head: 1, ...facts })
    expect(await good('preference', 'list', 'preferences')).toMatchObject({ heads: [{ id: 1, ...facts }] })
    await good('collect', 'preferences', '--dataset', '1', '--limit', '3', '--responses', 'rejected')
    expect(await good('reward', 'preferences', '--collection', '1', '--source', 'preference')).toMatchObject({ source: 'preference', settings: { head: 1 }, labelled: 3, failed: 0 })
  })

  test('collect of the data set\'s own responses, deterministic', async () => {
    const file = home.path('pairs.jsonl')
    writeFileSync(file, ['why', 'who', 'what'].map((prompt) => `${JSON.stringify({ prompt, chosen: 'the good people', rejected: 'no', split: 'train' })}\n`).join(''))
    await good('project', 'new', 'pairs', '--model', 'tiny.gguf')
    await good('data', 'import', 'pairs', file)
    const result = await good('collect', 'pairs', '--dataset', '1', '--split', 'all', '--responses', 'chosen', '--deterministic')
    expect(result).toMatchObject({ collection: 1, planned: 3, responses: 3, states: result['tokens'] })
  })

  test('reward', async () => {
    const result = await good('reward', 'p', '--collection', '1', '--source', 'column', '--column', 'score')
    expect(result).toMatchObject({ labelled: 24, failed: 0, mean: number, sd: number })
    const scores = Array.from({ length: 12 }, (_, i) => Math.cos(i))
    expect(result['mean']).toBeCloseTo(scores.reduce((a, b) => a + b) / 12, 9)
  })

  test('reward by rules, a flag a rule, under a name of its own', async () => {
    const result = await good('reward', 'p', '--collection', '1', '--source', 'rules', '--rules', '1 length characters', '--rules', '-1 length characters', '--rules', '-.5 has /^/', '--as', ' halves ')
    expect(result).toMatchObject({ name: 'halves', settings: { rules: ['1 length characters', '-1 length characters', '-.5 has /^/'] }, labelled: 24, mean: -0.5 })
  })

  test('train', async () => {
    const words = ['--source', 'column', '--hidden', '16', '--layers', '2', '--lr', '1e-3', '--weight-decay', '0.01', '--clip-norm', '1', '--warmup-steps', '3', '--batch', '32', '--epochs', '5', '--seed', '2']
    expect(await good('train', 'p', '--collection', '1', ...words)).toMatchObject({ valueFunction: 1, epochs: 5, trainLoss: number, validationLoss: number, correlation: number, manifest: { ...manifest, seed: 2, settings: { hidden: 16 } } })
  })

  test('generate from a prompt', async () => {
    const words = ['--prompt', 'Why is that so?', '--max-tokens', '5', '--temperature', '0', '--seed', '1']
    const base = await good('generate', 'p', '--method', 'base', ...words)
    expect(base).toMatchObject({ responses: [{ prompt: 'Why is that so?', result: expect.any(String), response: expect.any(String), tokens: expect.any(Array), valueBefore: [], valueAfter: [] }], tokensPerSecond: number })
    expect(base['device']).toMatchObject({ ...device, threads: 1, batchTokens: 512 })
    expect(base['responses'][0].tokens).toHaveLength(5)
    expect(base['responses'][0].result).toBe(`<s>user: Why is that so?\nassistant:${base['responses'][0].response}`)

    const steered = await good('generate', 'p', '--method', 're-control', '--value-function', '1', '--alpha', '0.5', '--updates', '10', ...words)
    const { valueBefore, valueAfter } = steered['responses'][0]
    expect(valueBefore).toHaveLength(5)
    for (const [i, before] of valueBefore.entries()) expect(valueAfter[i]).toBeGreaterThan(before)

    const unchanged = await good('generate', 'p', '--method', 're-control', '--alpha', '0', ...words)
    expect(unchanged['responses'][0].tokens).toEqual(base['responses'][0].tokens)
  })

  test('generate from a data set', async () => {
    const words = ['--dataset', '1', '--limit', '3', '--max-tokens', '4', '--seed', '9', '--parallel', '2']
    const [first, second] = [await good('generate', 'p', '--method', 're-control+prompting', ...words), await good('generate', 'p', '--method', 're-control+prompting', ...words)]
    expect(first['responses'].map((r: { prompt: string }) => r.prompt)).toEqual(['Question 0: what of 0?', 'Question 1: what of 7?', 'Question 2: what of 14?'])
    expect(second['responses']).toEqual(first['responses'])
    expect(first['responses'][0].result).toContain('system: ')
  })

  test('evaluate', async () => {
    const result = await good('evaluate', 'p', '--methods', 'base,prompting,re-control', '--dataset', '1', '--limit', '4', '--max-tokens', '6', '--alpha', '1')
    const row = { reward: { mean: number, low: number, high: number }, coherence: null, secondsPerToken: number }
    expect(result['methods']).toMatchObject([{ name: 'base', ...row }, { name: 'prompting', ...row }, { name: 're-control', ...row }])
    for (const method of result['methods']) expect(method).toHaveProperty('diversity')
    expect(result['paired']).toMatchObject([{ a: 'base', b: 'prompting', difference: number, low: number, high: number }, { a: 'base', b: 're-control' }])
    expect(result).toMatchObject({ device: { ...device, threads: 1 }, manifest: { ...manifest, seed: 1 } })
    const report = readFileSync(result['report'], 'utf8')
    for (const shown of ['<!doctype html>', result['manifest'].model, result['manifest'].device, result['manifest'].llamaCpp]) expect(report).toContain(shown)
  })

  test('states export and import, once', async () => {
    const { responses, states } = await good('states', 'export', 'p', 'states', '--collection', '1')
    const { collection, dataset, ...imported } = await good('states', 'import', 'p', 'states')
    expect(imported).toEqual({ responses, states, inputDim: 64, rewards: ['column', 'halves'] })
    const again = await home.cli('states', 'import', 'p', 'states', '--json')
    expect(again.json).toMatchObject({ collection, dataset })
    expect(again.stderr).toContain('are here already')
    expect(await home.cli('states', 'export', 'p', 'states', '--collection', '1')).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') })
  })

  test('reward delete, of what nothing needs; preference delete', async () => {
    expect(await good('reward', 'delete', 'p', '--collection', '1', '--name', 'halves')).toEqual({ deleted: { collection: 1, name: 'halves' } })
    expect(await home.cli('reward', 'delete', 'p', '--collection', '1', '--name', 'column', '--json')).toMatchObject({ code: 1, stderr: expect.stringContaining('trained on them') })
    expect(await home.cli('preference', 'delete', 'preferences', '--head', '1', '--json')).toMatchObject({ code: 1, stderr: expect.stringContaining('it gave the rewards') })
    await good('reward', 'delete', 'preferences', '--collection', '1', '--name', 'preference')
    expect(await good('preference', 'delete', 'preferences', '--head', '1')).toEqual({ deleted: { head: 1 } })
  })

  test('value-function export and import', async () => {
    expect(await good('value-function', 'export', 'p', 'v.safetensors')).toMatchObject({ valueFunction: 1, inputDim: 64, hiddenDims: [16, 16] })
    expect((await readValueFunction(home.path('v.safetensors'))).network.layers).toHaveLength(3)
    expect(await good('value-function', 'import', 'p', 'v.safetensors')).toMatchObject({ valueFunction: 2, inputDim: 64, hiddenDims: [16, 16] })
    const words = ['--prompt', 'Why?', '--max-tokens', '4', '--alpha', '1', '--temperature', '0']
    const [own, imported] = [await good('generate', 'p', '--method', 're-control', '--value-function', '1', ...words), await good('generate', 'p', '--method', 're-control', '--value-function', '2', ...words)]
    expect(imported['responses']).toEqual(own['responses'])
  })
})

test('device list', async () => {
  const { choice, candidates } = await good('device', 'list')
  expect(choice).toEqual({ device: 'cpu', gpuLayers: null, threads: null, batchTokens: null })
  expect(candidates.map((one: { backend: string }) => one.backend)).toEqual(['metal', 'cuda', 'vulkan', 'cpu'])
  for (const one of candidates) expect(one).toMatchObject({ usable: expect.any(Boolean), reason: text, devices: expect.any(Array) })
  const lines = await home.cli('device', 'list')
  expect(lines.stdout).toMatch(/^CPU +can be used/m)
})

test('flags say for one run where and how the model runs', async () => {
  const words = ['--method', 'base', '--prompt', 'Why?', '--max-tokens', '2', '--threads', '2', '--batch-tokens', '80']
  expect(await good('generate', 'p', ...words)).toMatchObject({ device: { ...device, threads: 2, batchTokens: 80 } })
  expect(await good('model', 'inspect', 'tiny.gguf', '--threads', '2')).toMatchObject({ device: { threads: 2 } })
})

test('method list and reward list', async () => {
  const { methods } = await good('method', 'list')
  expect(methods.map((m: { name: string }) => m.name)).toEqual(['base', 'prompting', 're-control', 'pre-control', 'static-re', 'best-of-n', 'cd-prefix', 'cd', 'deal', 'inferaligner', 'control-vector', 'lora', 'model', 're-control+prompting', 'pre-control+prompting', 'static-re+prompting', 'best-of-n+prompting', 'cd-prefix+prompting', 'cd+prompting', 'deal+prompting', 'inferaligner+prompting', 'control-vector+prompting', 'lora+prompting', 'lora+re-control', 'model+prompting'])
  for (const method of methods) expect(method).toMatchObject({ source: expect.any(String), settings: { type: 'object' } })
  const { sources } = await good('reward', 'list')
  expect(sources.map((s: { name: string }) => s.name)).toEqual(expect.arrayContaining(['tone', 'rules', 'column', 'mix', 'judge', 'program']))
  for (const source of sources) expect(source).toMatchObject({ description: expect.any(String), settings: { type: 'object' } })
})

test('metric list', async () => {
  const { metrics } = await good('metric', 'list')
  expect(metrics.map((m: { name: string }) => m.name)).toEqual(expect.arrayContaining(['coherence', 'win-rate', 'reward', 'refusal', 'length']))
  for (const metric of metrics) expect(metric).toMatchObject({ source: expect.any(String), settings: { type: 'object' } })
})

test('without --json people get lines, and --help shows the words', async () => {
  const list: Result = await home.cli('method', 'list')
  expect(list).toMatchObject({ code: 0, stderr: '' })
  expect(list.stdout).toMatch(/^base +The model as it is/)
  for (const words of [[], ['--help'], ['collect', '--help']]) {
    const help = await home.cli(...words)
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('collect PROJECT --dataset D')
  }
})
