/** Collected states out to Python and back: exact, whole or not at all, and only once. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { ShardWriter, stateProblem } from '../../src-main/engine/collect/shards.ts'
import { JobRunner } from '../../src-main/engine/jobs/runner.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { exportStatesWork } from '../../src-main/engine/states/export.ts'
import { importStatesWork } from '../../src-main/engine/states/import.ts'
import { manifest } from '../fixtures/manifest.ts'
import { seededRandom, normals } from '../fixtures/random.ts'
import { bytesOf, pickled, pickleTensor, storageBytes, torchZip, type StorageType } from '../fixtures/torch-file.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { ownDirectory } from './studio.ts'

const D = 6
const lengths = [3, 1, 4, 2, 5, 3]

let directory = ''
let project: Project
let jobs: JobRunner
let warnings: string[] = []
beforeEach(() => {
  directory = ownDirectory()
  project = Project.create(join(directory, 'project'), null)
  onTestFinished(() => project.close())
  warnings = []
  // four states fit into a shard: three shards and one of a longer response
  jobs = new JobRunner({ 'export-states': exportStatesWork(4 * D * 2), 'import-states': importStatesWork(join(directory, 'cache'), (text) => warnings.push(text)) }, () => {})
  jobs.setProject(project)
})

const run = (kind: Job['kind'], settings: object): Promise<Job> => jobs.finished(jobs.start(kind, settings).id)
const messageOf = async (path: string): Promise<string> => (await run('import-states', { path })).failure?.message ?? 'imported'

/** Three prompts with two samples each, all but one rewarded. */
function collect(): { collection: number; states: Uint16Array[] } {
  const dataset = project.datasets.create('questions', 'questions.jsonl', 'prompts')
  project.datasets.add(dataset, [0, 1, 2].map((i) => ({
    line: i * 10 + 1, split: i === 2 ? 'held-out' : 'train', prompt: `why ${i}?`, chosen: i === 0 ? 'so' : null, rejected: null, columns: { topic: `t${i}` },
    messages: i === 1 ? [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'why 1?' }] : [{ role: 'user', content: `why ${i}?` }]
  })), [])
  const collection = project.collections.create(collectSettings.parse({ dataset, samples: 2, maxTokens: 5 }), manifest, lengths.length, D)
  const writer = new ShardWriter(project.statesDirectory, collection, [])
  const tasks = project.datasets.tasks(dataset, null, null)
  const states = lengths.map((length, i) => new Uint16Array(new Float16Array(normals(seededRandom(i + 1), length * D, 3)).buffer))
  const ids = lengths.map((length, i) => project.responses.add({
    collection, example: tasks[i >> 1]!.id, sample: i % 2, seed: i, promptText: `<user> why ${i >> 1}?`, text: `because ${i} "<é🙂>"`, tokens: Int32Array.from({ length }, (_, t) => 100 * i + t),
    finish: i === 4 ? 'length' : 'end', states: length, ...writer.append(states[i]!)
  }))
  writer.close()
  const labelling = project.rewards.choose(collection, 'tone', 'tone', {})
  project.rewards.add(labelling, ids.slice(0, 5).map((response, i) => ({ response, value: i * 0.25 - 1, failure: null })))
  return { collection, states }
}

interface Tensor { dtype: string; shape: number[]; bytes: Buffer }

/** By the format's own words, apart from the reader of the studio. */
function readSafetensors(file: string): Record<string, Tensor> {
  const bytes = readFileSync(file)
  const begin = 8 + Number(bytes.readBigUInt64LE())
  const { __metadata__: _, ...header } = JSON.parse(bytes.toString('utf8', 8, begin)) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>
  return Object.fromEntries(Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => [name, { dtype, shape, bytes: bytes.subarray(begin + from, begin + to) }]))
}

function writeSafetensors(file: string, tensors: Record<string, Tensor>, metadata: Record<string, string> = {}): void {
  let at = 0
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, data_offsets: [at, (at += bytes.length)] }])
  const header = Buffer.from(JSON.stringify({ ...Object.fromEntries(entries) as object, __metadata__: metadata }))
  writeFileSync(file, bytesOf(Buffer.from(BigInt64Array.of(BigInt(header.length)).buffer), header, ...Object.values(tensors).map(({ bytes }) => bytes)))
}

const int64 = (...values: number[]): Tensor => ({ dtype: 'I64', shape: [values.length], bytes: storageBytes('LongStorage', values) })
const float32 = (...values: number[]): Tensor => ({ dtype: 'F32', shape: [values.length], bytes: storageBytes('FloatStorage', values) })

const responsesOf = (collection: number) => project.responses.ids(collection).map((id) => {
  const { example, ...response } = project.responses.whole(id)
  const { id: _, ...task } = project.datasets.task(example)
  return { ...response, task, reward: project.rewards.label('tone', id)?.value ?? null }
})

function statesOf(collection: number): Uint16Array[] {
  return project.responses.storedStates(collection).map(({ shard, offset, states, crc32 }) => {
    expect(stateProblem(project.statesDirectory, { shard, offset, crc32, bytes: states * D * 2 })).toBeNull()
    const bytes = readFileSync(join(project.statesDirectory, shard)).subarray(offset, offset + states * D * 2)
    return new Uint16Array(Uint8Array.from(bytes).buffer)
  })
}

/** What nothing may have been added to. */
const contents = () => ({ datasets: project.datasets.list().length, collections: project.collections.list().length, shards: readdirSync(project.statesDirectory) })

describe('a collection that is exported', () => {
  test('is a folder of safetensors, each with whole responses, and their texts', async () => {
    const { collection, states } = collect()
    const out = join(directory, 'out')
    expect(await run('export-states', { collection, directory: out })).toMatchObject({ state: 'done', done: 6, total: 6 })
    const files = readdirSync(out)
    expect(files).toEqual(['collection.json', 'responses.jsonl', ...[1, 2, 3, 4, 5].map((i) => `states-0000${i}-of-00005.safetensors`)])
    const shards = files.slice(2).map((file) => readSafetensors(join(out, file)))
    expect(shards.map(({ lengths }) => [...new BigInt64Array(Uint8Array.from(lengths!.bytes).buffer)].map(Number))).toEqual([[3, 1], [4], [2], [5], [3]])
    expect([...new BigInt64Array(Uint8Array.from(shards[0]!['offsets']!.bytes).buffer)]).toEqual([0n, 3n])
    expect(shards.map(({ states }) => [states!.dtype, states!.shape])).toEqual([4, 4, 2, 5, 3].map((rows) => ['F16', [rows, D]]))
    expect(Buffer.concat(shards.map(({ states }) => states!.bytes)).equals(Buffer.concat(states.map((one) => Buffer.from(one.buffer))))).toBe(true)
    expect(shards.map(({ tokens }) => [...new Int32Array(Uint8Array.from(tokens!.bytes).buffer)])).toEqual([[0, 1, 2, 100], [200, 201, 202, 203], [300, 301], [400, 401, 402, 403, 404], [500, 501, 502]])
    expect(shards.flatMap((shard) => [...new Float32Array(Uint8Array.from(shard['rewards.tone']!.bytes).buffer)])).toEqual([-1, -0.75, -0.5, -0.25, 0, NaN])
    const rows = readFileSync(join(out, 'responses.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as object)
    expect(rows[2]).toEqual({ prompt: 'why 1?', response: 'because 2 "<é🙂>"', example: 11, sample: 0, split: 'train', finish: 'end', seed: 2, rendered: '<user> why 1?', messages: [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'why 1?' }], columns: { topic: 't1' } })
    expect(JSON.parse(readFileSync(join(out, 'collection.json'), 'utf8'))).toMatchObject({ inputDim: D, responses: 6, states: 18, manifest: { model: manifest.model }, rewards: [{ name: 'tone', source: 'tone' }] })
  })

  test('comes back as it was, and a second time not at all', async () => {
    const { collection, states } = collect()
    const out = join(directory, 'out')
    await run('export-states', { collection, directory: out })
    const { state, subject } = await run('import-states', { path: out })
    expect(state).toBe('done')
    expect(subject).not.toBe(collection)
    expect(responsesOf(subject!)).toEqual(responsesOf(collection))
    expect(statesOf(subject!)).toEqual(states)
    expect(project.collections.get(subject!)).toMatchObject({ datasetName: 'questions', planned: 6, responses: 6, states: 18, settings: { samples: 2, maxTokens: 5, split: null } })
    expect(project.collections.manifest(subject!)).toMatchObject({ model: manifest.model, settings: { imported: { path: out } } })
    expect(project.rewards.labelling(subject!, 'tone')).toMatchObject({ source: 'imported', settings: { file: 'out', from: 'tone' } })
    const before = contents()
    expect(await run('import-states', { path: join(out, 'collection.json') })).toMatchObject({ state: 'done', subject })
    expect(warnings).toEqual([`The same states are here already, as collection ${subject}; nothing was imported`])
    expect(contents()).toEqual(before)
  })

  test('is whole where its job was killed between its last rename and its row', async () => {
    const { collection } = collect()
    const out = join(directory, 'out')
    const { id } = await run('export-states', { collection, directory: out })
    const index = readFileSync(join(out, 'collection.json'), 'utf8')
    project.jobs.update(id, { state: 'paused' })
    jobs.resume(id)
    expect(await jobs.finished(id)).toMatchObject({ state: 'done', failure: null })
    expect(readFileSync(join(out, 'collection.json'), 'utf8')).toBe(index)
    // another export of the same is another
    expect((await run('export-states', { collection, directory: out })).failure).toMatchObject({ code: 'bad-request' })
  })

  test('is not written over anything, nor from damaged states', async () => {
    const { collection } = collect()
    const out = join(directory, 'out')
    mkdirSync(out)
    writeFileSync(join(out, 'mine.txt'), 'mine')
    expect((await run('export-states', { collection, directory: out })).failure).toMatchObject({ code: 'bad-request' })
    expect(readdirSync(out)).toEqual(['mine.txt'])
    truncateSync(join(project.statesDirectory, project.responses.storedStates(collection)[0]!.shard), 20)
    expect((await run('export-states', { collection, directory: join(directory, 'other') })).failure).toMatchObject({ code: 'project-damaged' })
    expect(readdirSync(directory).filter((name) => name.includes('other'))).toEqual([])
  })
})

describe('what Python wrote', () => {
  const values = Array.from(normals(seededRandom(9), 4 * D, 1), Math.fround)
  const rows = [{ prompt: 'a', response: 'A' }, { prompt: 'b', response: 'B1' }, { prompt: 'b', response: 'B2', split: 'held-out' }]
  const good = (): Record<string, Tensor> => ({
    states: { dtype: 'F32', shape: [4, D], bytes: storageBytes('FloatStorage', values) },
    lengths: int64(1, 0, 3),
    'rewards.harmless': float32(0.5, NaN, -2)
  })

  function folder(tensors: Record<string, Tensor>, texts: unknown[] = rows, name = 'cluster'): string {
    const path = join(directory, name)
    mkdirSync(path, { recursive: true })
    writeSafetensors(join(path, 'states.safetensors'), tensors)
    writeFileSync(join(path, 'responses.jsonl'), texts.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join(''))
    return path
  }

  test.each([['the folder', ''], ['its file', 'states.safetensors']])('with states, lengths, rewards and texts: %s', async (_what, name) => {
    const { state, subject } = await run('import-states', { path: join(folder(good()), name) })
    expect(state).toBe('done')
    expect(statesOf(subject!).map((one) => [...new Float16Array(one.buffer)])).toEqual([values.slice(0, D), [], values.slice(D)].map((part) => [...new Float16Array(part)]))
    expect(responsesOf(subject!).map(({ task, text, sample }) => [task.line, task.prompt, task.split, text, sample])).toEqual([[1, 'a', 'train', 'A', 0], [2, 'b', 'train', 'B1', 0], [2, 'b', 'train', 'B2', 1]])
    expect(project.responses.ids(subject!).map((id) => project.rewards.label('harmless', id)?.value ?? null)).toEqual([0.5, null, -2])
    expect(project.responses.labelledStates(subject!, 'harmless')).toHaveLength(2)
    expect(project.collections.manifest(subject!)).toMatchObject({ model: 'unknown' })
  })

  const faults: [what: string, make: () => string, says: RegExp][] = [
    ['lengths that do not add up', () => folder({ ...good(), lengths: int64(1, 1, 3) }), /add up/],
    ['a negative length', () => folder({ ...good(), lengths: int64(5, -1, 0) }), /no count/],
    ['offsets that say something else', () => folder({ ...good(), offsets: int64(0, 2, 2) }), /offsets/],
    ['rewards of other responses', () => folder({ ...good(), 'rewards.harmless': float32(1, 2) }), /3 responses/],
    ['an infinite reward', () => folder({ ...good(), 'rewards.harmless': float32(1, Infinity, 2) }), /infinity/],
    ['a reward without a name', () => folder({ ...good(), 'rewards.': float32(1, 2, 3) }), /name of a reward/],
    ['a NaN among the states', () => folder({ ...good(), states: { dtype: 'F32', shape: [4, D], bytes: storageBytes('FloatStorage', values.with(3 * D, NaN)) } }), /response 3 has a state that is no number/],
    ['a state too large for float16', () => folder({ ...good(), states: { dtype: 'F32', shape: [4, D], bytes: storageBytes('FloatStorage', values.with(0, 70000)) } }), /response 1 .*too large/],
    ['no states', () => folder({ lengths: int64(1) }), /no tensor states/],
    ['tokens that are none', () => folder({ ...good(), tokens: int64(1, 2, -7, 4) }), /token/],
    ['too few texts', () => folder(good(), rows.slice(0, 2)), /end before response 3/],
    ['too many texts', () => folder(good(), [...rows, rows[0]]), /more texts/],
    ['a text that is no row', () => folder(good(), [rows[0], '{"prompt": 1}', rows[2]]), /line 2/],
    ['a line that is no JSON', () => folder(good(), [rows[0], '{"prompt"', rows[2]]), /line 2/],
    ['one sample twice', () => folder(good(), [rows[0], { ...rows[1], sample: 1 }, { ...rows[2], sample: 1 }]), /once more/],
    ['one example with two prompts', () => folder(good(), [{ ...rows[0], example: 4 }, { ...rows[1], example: 4 }, rows[2]]), /whose prompt is another/],
    ['a folder of something else', () => { mkdirSync(join(directory, 'empty')); return join(directory, 'empty') }, /neither/],
    ['nothing', () => join(directory, 'nowhere'), /there is no/],
    ['a cut file', () => { const path = folder(good()); const file = join(path, 'states.safetensors'); truncateSync(file, statSync(file).size - 1); return path }, /cut off/]
  ]
  test.each(faults)('%s leaves nothing', async (_what, make, says) => {
    collect()
    const before = contents()
    expect(await messageOf(make())).toMatch(says)
    expect(contents()).toEqual(before)
  })

  test('states of another length than the model has', async () => {
    const modelFile = join(directory, 'tiny.gguf')
    writeTinyModel(modelFile)
    project.modelFile = modelFile
    expect(await messageOf(folder(good()))).toMatch(/6 numbers, but .* 64/)
  })
})

describe('an exported folder that was changed', () => {
  const exported = async (): Promise<string> => {
    const out = join(directory, 'out')
    await run('export-states', { collection: collect().collection, directory: out })
    return out
  }
  const shard = (out: string, i: number): string => join(out, `states-0000${i}-of-00005.safetensors`)
  const flip = (file: string): void => {
    const bytes = readFileSync(file)
    bytes[bytes.length - 2]! ^= 1
    writeFileSync(file, bytes)
  }

  test.each<[string, (out: string) => void, RegExp]>([
    ['a bit of the states', (out) => flip(shard(out, 3)), /checksum/],
    ['a bit of the texts', (out) => flip(join(out, 'responses.jsonl')), /checksum|line/],
    ['a missing shard', (out) => truncateSync(shard(out, 2), 0), /safetensors/],
    ['two shards exchanged', (out) => { const a = readFileSync(shard(out, 1)); writeFileSync(shard(out, 1), readFileSync(shard(out, 2))); writeFileSync(shard(out, 2), a) }, /not the file|checksum/],
    ['a shard that is a path', (out) => { const file = join(out, 'collection.json'); writeFileSync(file, readFileSync(file, 'utf8').replace('states-00001', '../states-00001')) }, /collection\.json is not one/],
    ['an index of junk', (out) => writeFileSync(join(out, 'collection.json'), '[]'), /collection\.json/]
  ])('%s is found before anything is made', async (_what, change, says) => {
    const out = await exported()
    change(out)
    const before = contents()
    expect(await messageOf(out)).toMatch(says)
    expect(contents()).toEqual(before)
  })

  test('a part of it alone is refused', async () => {
    expect(await messageOf(shard(await exported(), 2))).toMatch(/one of 5 parts; choose the folder/)
  })

  test('an import that is stopped leaves nothing; one that a crash cut off begins again', async () => {
    const out = await exported()
    const before = contents()
    const { id } = jobs.start('import-states', { path: out })
    await jobs.stop(id)
    expect(project.jobs.get(id).state).toBe('stopped')
    expect(contents()).toEqual(before)

    // as the process left it that died in the middle
    const died = project.jobs.create('import-states', 'Import', 'responses', { path: out })
    const dataset = project.datasets.create('torn', out, 'prompts')
    const torn = project.collections.create(collectSettings.parse({ dataset }), { ...manifest, settings: { imported: { path: out, fingerprint: 'x', job: died.id } } }, 6, D)
    new ShardWriter(project.statesDirectory, torn, []).append(new Uint16Array(3 * D))
    project.jobs.update(died.id, { state: 'paused', subject: torn })
    jobs.resume(died.id)
    const { state, subject } = await jobs.finished(died.id)
    expect(state).toBe('done')
    expect(project.collections.list().map((one) => one.id)).toEqual([1, subject])
    expect(project.datasets.list().map(({ name }) => name)).toEqual(['questions', 'questions'])
    expect(project.collections.get(subject!).responses).toBe(6)
  })

  test('discarding an import that found its states here keeps them', async () => {
    const out = await exported()
    const { subject } = await run('import-states', { path: out })
    const again = project.jobs.create('import-states', 'Import', 'responses', { path: out })
    project.jobs.update(again.id, { state: 'paused', subject })
    await jobs.discard(again.id)
    expect(project.collections.get(subject!).responses).toBe(6)
  })
})

describe("the public code's features", () => {
  const [R, L] = [3, 4]
  const given = [4, 2, 0]
  const values = Array.from(normals(seededRandom(4), R * L * D, 2), (value) => Math.round(value * 8) / 8)
  const mask = given.flatMap((length) => Array.from({ length: L }, (_, t) => (t < length ? 1 : 0)))
  const tensorFile = (type: StorageType, shape: number[], numbers: number[], strides?: number[]): Buffer =>
    torchZip(pickled(pickleTensor({ type, key: '0', shape, strides, elements: numbers.length })), { 0: storageBytes(type, numbers) })

  function features(changes: Record<string, Buffer | string | null> = {}): string {
    const path = join(directory, 'features')
    mkdirSync(path)
    const texts = given.map((_, i) => ({ prompt: `\n\nHuman: why ${i}?\n\nAssistant:`, response: `\n\nHuman: why ${i}?\n\nAssistant: so ${i}`, results: ` so ${i}` }))
    const files: Record<string, Buffer | string | null> = {
      'token_wise_activations_train.pth': tensorFile('BFloat16Storage', [R, L, D], values),
      'mask_train.pth': tensorFile('BoolStorage', [R, L], mask),
      'labels_train.json': tensorFile('BFloat16Storage', [R, 1], [1.5, -0.25, 3]),
      'response_train.json': JSON.stringify(texts),
      ...changes
    }
    for (const [name, content] of Object.entries(files)) if (content !== null) writeFileSync(join(path, `vicuna_7B_hh_rlhf_${name}`), content)
    return path
  }

  test('are imported with their rewards, without the padding', async () => {
    const { state, subject, failure } = await run('import-states', { path: features() })
    expect(failure).toBeNull()
    expect(state).toBe('done')
    expect(statesOf(subject!).map((one) => [...new Float16Array(one.buffer)])).toEqual(given.map((length, i) => values.slice(i * L * D, (i * L + length) * D)))
    expect(responsesOf(subject!).map(({ text, finish, task }) => [text, finish, task.messages, task.split])).toEqual(given.map((length, i) => [` so ${i}`, length === L ? 'length' : 'end', [{ role: 'user', content: `why ${i}?` }], 'train']))
    expect(project.responses.ids(subject!).map((id) => project.rewards.label('labels', id)?.value)).toEqual([1.5, -0.25, 3])
    expect(project.collections.get(subject!)).toMatchObject({ datasetName: 'vicuna_7B_hh_rlhf', responses: R, states: 6 })
  })

  test('of both splits, the test split held out; laid out token by token; without labels', async () => {
    const transposed = Array.from({ length: L * R * D }, (_, k) => values[(Math.floor(k / D) % R) * L * D + Math.floor(k / (R * D)) * D + (k % D)]!)
    const path = features({ 'labels_train.json': null })
    for (const [name, content] of Object.entries({ token_wise_activations: tensorFile('FloatStorage', [R, L, D], transposed, [D, R * D, 1]), mask: tensorFile('BoolStorage', [R, L], mask) })) writeFileSync(join(path, `vicuna_7B_hh_rlhf_${name}_test.pth`), content)
    writeFileSync(join(path, 'vicuna_7B_hh_rlhf_response_test.json'), JSON.stringify(given.map((_, i) => ({ prompt: `else ${i}`, response: `else ${i} yes` }))))
    const { subject, failure } = await run('import-states', { path })
    expect(failure).toBeNull()
    const states = statesOf(subject!).map((one) => [...new Float16Array(one.buffer)])
    expect(states.slice(R)).toEqual(states.slice(0, R))
    expect(responsesOf(subject!).map(({ text, task }) => [text, task.split]).slice(R)).toEqual(given.map(() => [' yes', 'held-out']))
    expect(project.rewards.labellings(subject!)).toEqual([])
  })

  test.each<[string, Record<string, Buffer | string | null>, RegExp]>([
    ['a mask with a hole', { 'mask_train.pth': tensorFile('BoolStorage', [R, L], mask.with(0, 0)) }, /mask of response 1/],
    ['a mask of another shape', { 'mask_train.pth': tensorFile('BoolStorage', [L, R], mask) }, /mask/],
    ['no mask', { 'mask_train.pth': null }, /there is no file .*mask/],
    ['labels of other responses', { 'labels_train.json': tensorFile('FloatStorage', [2, 1], [1, 2]) }, /labels_train/],
    ['labels that would run something', { 'labels_train.json': torchZip(pickled(bytesOf('cos\nsystem\n')), {}) }, /"os\.system"/],
    ['too few texts', { 'response_train.json': '[{"prompt": "a", "response": "a b"}]' }, /end before response 2/],
    ['no texts', { 'response_train.json': null }, /there is no file .*response_train/]
  ])('%s leaves nothing', async (_what, changes, says) => {
    expect(await messageOf(features(changes))).toMatch(says)
    expect(contents()).toEqual({ datasets: 0, collections: 0, shards: [] })
    expect(existsSync('pwned')).toBe(false)
  })
})
