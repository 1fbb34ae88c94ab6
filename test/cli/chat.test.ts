/** Conversations in the terminal: listed, searched, shown and exported. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChatPane } from '../../src-main/contract/chat.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { makeHome, type Home } from './terminal.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  const project = Project.create(home.path('p'), null)
  const say = (prompt: string, text: string, parent: number | null): number => {
    const method = { name: 'base', settings: {} }
    const { turn } = project.turns.add({ conversation: null, parent, prompt, seed: 1, methods: [method] })
    project.turns.finish(turn, [{ method, text, steps: [], end: { finish: 'end', tokensPerSecond: 1, reward: null }, rating: null } satisfies ChatPane], null)
    return turn
  }
  const first = say('Tell me of the sea', 'Foam and waves', null)
  say('And then?', 'Harbours', first)
  say('And then, again?', 'Islands', first)
  say('Something else', 'Sand', null)
  project.close()
})
afterAll(() => home.remove())

test('list, search, show a way through it, export', async () => {
  expect((await home.cli('chat', 'list', 'p', '--json')).json).toMatchObject({ total: 2, conversations: [{ id: 2, title: 'Something else' }, { id: 1, turns: 3 }] })
  expect((await home.cli('chat', 'list', 'p', '--search', 'harb', '--json')).json).toMatchObject({ total: 1, conversations: [{ id: 1, found: { turn: 2, excerpt: 'Harbours' } }] })
  expect((await home.cli('chat', 'show', 'p', '--conversation', '1')).stdout).toMatch(/# Tell me of the sea\n[^]*> Foam and waves\n[^]*> Islands/)
  const { json } = await home.cli('chat', 'show', 'p', '--conversation', '1', '--turn', '2', '--json')
  expect(json['turns'].map(({ prompt }: { prompt: string }) => prompt)).toEqual(['Tell me of the sea', 'And then?'])
  expect(await home.cli('chat', 'export', 'p', 'out.jsonl', '--conversation', '1', '--turn', '2')).toMatchObject({ code: 0 })
  expect(JSON.parse(readFileSync(home.path('out.jsonl'), 'utf8'))).toMatchObject({ messages: [{ role: 'user' }, { role: 'assistant', content: 'Foam and waves' }, { content: 'And then?' }, { content: 'Harbours' }] })
})

test('what is not there is one line', async () => {
  for (const words of [['show', 'p', '--conversation', '9'], ['export', 'p', 'out', '--conversation', '1'], ['show', 'p', '--conversation', '2', '--turn', '1']]) {
    const { code, stderr, stdout } = await home.cli('chat', ...words)
    expect([code, stdout, stderr.trimEnd().split('\n').length], `${words.join(' ')}: ${stderr}`).toEqual([1, '', 1])
  }
})
