/** A command that fails says why in one line on stderr, prints nothing on stdout and exits with 1. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Project } from '../../src-main/engine/project/project.ts'
import { makeHome, type Home } from './terminal.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  Project.create(home.path('p'), home.modelFile).close()
  Project.create(home.path('gone'), home.path('gone.gguf')).close()
  for (const name of ['p', 'gone']) {
    const project = Project.open(home.path(name))
    const dataset = project.datasets.create('rows', 'rows.jsonl', 'prompts')
    project.datasets.add(dataset, [{ line: 1, split: 'train', prompt: 'q', messages: [{ role: 'user', content: 'q' }], chosen: null, rejected: null, columns: {} }], [])
    project.close()
  }
  mkdirSync(home.path('folder.gguf'))
  mkdirSync(home.path('empty'))
  writeFileSync(home.path('text.gguf'), 'not a model')
  writeFileSync(home.path('empty.jsonl'), '')
  writeFileSync(home.path('bad.jsonl'), 'nope\n{"x": 1}\n')
  writeFileSync(home.path('good.jsonl'), '{"prompt": "q"}\n')
  writeFileSync(home.path('cut.gguf'), readFileSync(home.modelFile).subarray(0, 2000))
  writeFileSync(home.path('settings.json'), '{"data": {}}')
  mkdirSync(home.path('damaged'))
  writeFileSync(home.path('damaged', 'project.db'), 'garbage '.repeat(2000))
})
afterAll(() => home.remove())

const errorLines = (stderr: string): string[] => stderr.trimEnd().split('\n').filter((line) => line.startsWith('Error: '))

describe('refused', () => {
  test.each<[string, string[], RegExp]>([
    ['an unknown command', ['colect', 'p'], /no command "colect p"/],
    ['half a command', ['project'], /no command "project/],
    ['an unknown flag', ['collect', 'p', '--dataset', '1', '--sampels', '3'], /--sampels.*Usage: collect PROJECT/],
    ['a device that is none', ['collect', 'p', '--dataset', '1', '--device', 'gpu'], /--device is auto, metal, cuda, vulkan, cpu, not "gpu".*Usage/],
    ['no threads', ['generate', 'p', '--method', 'base', '--prompt', 'q', '--threads', '0'], /--threads takes auto or a whole number from 1 to 512, not "0"/],
    ['a part of a layer', ['train', 'p', '--collection', '1', '--gpu-layers', '1.5'], /--gpu-layers takes auto or a whole number from 0 to/],
    ['a step without room for every sequence', ['evaluate', 'p', '--methods', 'base', '--dataset', '1', '--batch-tokens', '0'], /--batch-tokens takes auto or a whole number from 72 to/],
    ['a device of another machine', ['generate', 'p', '--method', 'base', '--prompt', 'q', '--device', process.platform === 'darwin' ? 'cuda' : 'metal'], /cannot be used: only on/],
    ['a flag without its value', ['collect', 'p', '--dataset'], /dataset.*Usage/],
    ['a missing flag', ['collect', 'p'], /--dataset is missing.*Usage/],
    ['a missing word', ['collect', '--dataset', '1'], /PROJECT.*Usage/],
    ['a word too many', ['collect', 'p', 'q', '--dataset', '1'], /PROJECT.*Usage/],
    ['text for a number', ['collect', 'p', '--dataset', '1', '--samples', 'many'], /--samples takes a number/],
    ['a number out of range', ['collect', 'p', '--dataset', '1', '--samples', '0'], /samples/],
    ['text for an id', ['collect', 'p', '--dataset', 'one'], /dataset/],
    ['an unknown origin of responses', ['collect', 'p', '--dataset', '1', '--responses', 'best'], /responses/],
    ['an unknown split', ['collect', 'p', '--dataset', '1', '--split', 'half'], /--split/],
    ['an unknown format', ['data', 'import', 'p', 'good.jsonl', '--format', 'csv'], /--format is one of hh-rlhf/],
    ['a map that is none', ['data', 'import', 'p', 'good.jsonl', '--map', 'prompt'], /--map takes part=column/],
    ['a missing project', ['data', 'import', 'nowhere', 'good.jsonl'], /no project in .*nowhere/],
    ['a folder that is no project', ['collect', 'empty', '--dataset', '1'], /no project in .*empty/],
    ['a damaged project', ['collect', 'damaged', '--dataset', '1'], /damaged/],
    ['a project over another', ['project', 'new', 'p', '--model', 'tiny.gguf'], /is a project already/],
    ['a missing model', ['model', 'inspect', 'none.gguf'], /no file .*none\.gguf/],
    ['text named .gguf', ['model', 'inspect', 'text.gguf'], /text\.gguf is not usable as a model: it does not begin like a GGUF file/],
    ['a folder named .gguf', ['model', 'inspect', 'folder.gguf'], /it is a folder/],
    ['a model that is cut off', ['model', 'inspect', 'cut.gguf'], /cut\.gguf is not usable/],
    ['a project with a missing model', ['project', 'new', 'q', '--model', 'none.gguf'], /no file/],
    ['a project with text for a model', ['project', 'new', 'q', '--model', 'text.gguf'], /not usable/],
    ['a collection with a model that is gone', ['collect', 'gone', '--dataset', '1'], /no file .*gone\.gguf/],
    ['a missing data file', ['data', 'import', 'p', 'none.jsonl'], /no file .*none\.jsonl/],
    ['an empty data file', ['data', 'import', 'p', 'empty.jsonl'], /empty/],
    ['a data file without a usable row', ['data', 'import', 'p', 'bad.jsonl'], /no usable row; line 1/],
    ['a folder for a data file', ['data', 'import', 'p', 'empty'], /is a folder/],
    ['a data set that is not there', ['collect', 'p', '--dataset', '9'], /no data set 9/],
    ['a split without prompts', ['collect', 'p', '--dataset', '1', '--split', 'held-out'], /no held-out prompts/],
    ['a collection that is not there', ['reward', 'p', '--collection', '9', '--source', 'tone'], /no collection 9/],
    ['a source that is not there', ['reward', 'p', '--collection', '1', '--source', 'tonn'], /no reward source tonn; there are tone, .*column/],
    ['a source without its setting', ['reward', 'p', '--collection', '1', '--source', 'column'], /column/],
    ['training on a collection that is not there', ['train', 'p', '--collection', '9'], /no collection 9/],
    ['a method that is not there', ['generate', 'p', '--method', 'magic', '--prompt', 'q'], /no method magic; there are base/],
    ['control without a value function', ['generate', 'p', '--method', 're-control', '--prompt', 'q'], /needs a value function.*train one first/],
    ['control by one that is not there', ['generate', 'p', '--method', 're-control', '--value-function', '7', '--prompt', 'q'], /no value function 7/],
    ['a negative step size', ['generate', 'p', '--method', 're-control', '--value-function', '7', '--alpha', '-1', '--prompt', 'q'], /alpha/],
    ['neither prompt nor data set', ['generate', 'p', '--method', 'base'], /--prompt or --dataset/],
    ['nothing to export', ['value-function', 'export', 'p', 'v.safetensors'], /no value function yet/],
    ['a value function that is none', ['value-function', 'import', 'p', 'text.gguf'], /text\.gguf cannot be used: it does not begin like a safetensors file/],
    ['settings that are not there', ['run', 'none.json'], /none\.json/],
    ['settings that do not fit', ['run', 'settings.json'], /data\.file/]
  ])('%s', async (_what, words, message) => {
    const { code, stdout, stderr } = await home.cli(...words, '--json')
    expect(errorLines(stderr), stderr).toEqual([expect.stringMatching(message)])
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^Error: /)
    expect(stderr).not.toMatch(/^ +at /m)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  test('and nothing was made by any of it', () => {
    expect(readdirSync(home.directory).sort()).not.toContain('q')
    expect(readdirSync(home.directory)).not.toContain('nowhere')
    const project = Project.open(home.path('p'))
    expect(project.summary().counts).toMatchObject({ datasets: 1, collections: 0, valueFunctions: 0, evaluations: 0 })
    project.close()
  })
})

test('a data file with broken lines: the good rows are in, the JSON is printed, and the exit code says that not all is', async () => {
  writeFileSync(home.path('mixed.jsonl'), '{"prompt": "one"}\nnope\n{"prompt": "two"}\n{"prompt": 3}\n')
  const result = await home.cli('data', 'import', 'p', 'mixed.jsonl', '--json')
  expect(result.code).toBe(1)
  expect(result.json).toMatchObject({ dataset: expect.any(Number), imported: 2, rejected: [{ line: 2, reason: expect.stringContaining('not JSON') }, { line: 4, reason: 'its "prompt" is not text' }] })
  expect(errorLines(result.stderr)).toEqual([expect.stringContaining('2 of 4 rows')])
})

test('a project that another process has open', async () => {
  const project = Project.open(home.path('p'))
  const { code, stdout, stderr } = await home.cli('collect', 'p', '--dataset', '1')
  project.close()
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(errorLines(stderr)).toEqual([expect.stringContaining('open in another window or terminal')])
})
