/** Conversations of the chat with the real engine and the tiny model: history, trees, what is kept on the way, search, exports. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ChatPane } from '../../src-main/contract/chat.ts'
import type { Message } from '../../src-main/contract/data.ts'
import { methods, type Input } from '../../src-main/contract/methods.ts'
import { exportConversation } from '../../src-main/engine/control/export-conversation.ts'
import { generate } from '../../src-main/engine/control/generate.ts'
import { historyOf } from '../../src-main/engine/control/history.ts'
import { resolveMethod } from '../../src-main/engine/control/methods.ts'
import { datasetOfThumbs } from '../../src-main/engine/control/thumbs.ts'
import { openStudio, drawn, type Studio } from './studio.ts'

let studio: Studio
beforeEach(async () => {
  studio = await openStudio()
})
afterEach(() => studio.close())

const both = [{ name: 'base' }, { name: 'prompting', settings: { instruction: 'Be kind' } }]

/** Sends and waits for the end. */
async function say(prompt: string, more: Partial<Input<'chat.send'>> = {}): Promise<{ turn: number; conversation: number; failure: string | null }> {
  const done = new Promise<{ failure: string | null }>((resolve) => studio.on('chat.done', resolve))
  const sent = studio.engine.chat.send(studio.project, methods['chat.send'].input.parse({ prompt, panes: both, maxTokens: 12, sampling: drawn, deterministic: true, ...more }))
  const { failure } = await done
  await studio.engine.chat.idle()
  return { ...sent, failure }
}
const textsOf = (turn: number): string[] => studio.project.turns.get(turn).panes.map(({ text }) => text)
const wayOf = (conversation: number, through: number | null = null): number[] => studio.project.turns.path(conversation, { through, limit: 100 }).turns.map(({ turn }) => turn)

/** What the base model says to a conversation, asked without the chat. */
async function answerTo(messages: Message[], seed = 1): Promise<{ promptText: string; text: string }> {
  let answer = { promptText: '', text: '' }
  await generate(studio.around, await studio.engine.models.use(studio.project), [{ key: 0, method: resolveMethod({ name: 'base', settings: {} }), messages, seed }], {
    maxTokens: 12, parallel: 1, sampling: drawn, tokens: false, deterministic: true, onEvent: (event) => void (event.kind === 'finished' && (answer = event))
  })
  return answer
}

describe('history', () => {
  test('each pane goes on with its own answers, exactly as the chat template has them', async () => {
    const first = await say('tell me of the sea')
    const second = await say('and of the hills', { parent: first.turn })
    expect(second.conversation).toBe(first.conversation)
    const [own = '', other = ''] = textsOf(first.turn)
    expect(own).not.toBe(other)
    const messages: Message[] = [{ role: 'user', content: 'tell me of the sea' }, { role: 'assistant', content: own }, { role: 'user', content: 'and of the hills' }]
    const alone = await answerTo(messages)
    expect(alone.promptText).toBe(`<s>user: tell me of the sea\nassistant: ${own}\nuser: and of the hills\nassistant:`)
    expect(textsOf(second.turn)[0]).toBe(alone.text)
    // the instruction of a method stands before the whole conversation, and the pane's own answer is in it
    const prompted = await answerTo([{ role: 'system', content: 'Be kind' }, messages[0]!, { role: 'assistant', content: other }, messages[2]!])
    expect(textsOf(second.turn)[1]).toBe(prompted.text)
  })

  test('a new pane takes the first pane\'s answer; an answer that was never given is left out', async () => {
    const exchanges = [{ prompt: 'a', answers: ['A0', 'A1'] }, { prompt: 'b', answers: ['', ''] }, { prompt: 'c', answers: ['', 'C1'] }]
    const contents = (pane: number): string[] => historyOf(exchanges, pane).map(({ content }) => content)
    expect(contents(0)).toEqual(['a', 'A0', 'c', 'C1'])
    expect(contents(1)).toEqual(['a', 'A1', 'c', 'C1'])
    expect(contents(3)).toEqual(['a', 'A0', 'c', 'C1'])
    expect(historyOf(exchanges, 0).map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    const first = await say('one', { panes: [{ name: 'base' }] })
    const second = await say('two', { parent: first.turn, panes: [{ name: 'base' }, { name: 'base' }] })
    expect(textsOf(second.turn)[1]).toBe(textsOf(second.turn)[0])
  })

  test('a conversation that is longer than the context is told in a line, and stays', async () => {
    const first = await say('word '.repeat(300))
    const { failure, turn, conversation } = await say('word '.repeat(300), { parent: first.turn, maxTokens: 1500 })
    expect(failure).toMatch(/^the prompt's \d+ tokens and 1500 new ones are more than the 2048 of the model's context$/)
    expect(studio.project.turns.get(turn)).toMatchObject({ failure, prompt: 'word '.repeat(300) })
    expect(wayOf(conversation)).toEqual([first.turn, turn])
    // asked for less, the same place answers
    expect((await say('word', { parent: first.turn })).failure).toBeNull()
  })
})

describe('a tree of turns', () => {
  test('edit, regenerate and branch keep what was there', async () => {
    const first = await say('one')
    const second = await say('two', { parent: first.turn })
    const third = await say('three', { parent: second.turn })
    const before = [first, second, third].map(({ turn }) => JSON.stringify({ ...studio.project.turns.get(turn), siblings: [] }))
    const edited = await say('another two', { parent: first.turn })
    const again = await say('two', { parent: first.turn, seed: 77 })
    const beginning = await say('another one', { conversation: first.conversation })
    expect([edited, again, beginning].map(({ conversation }) => conversation)).toEqual(Array(3).fill(first.conversation))
    expect(studio.project.turns.get(second.turn).siblings).toEqual([second.turn, edited.turn, again.turn])
    expect(studio.project.turns.get(first.turn).siblings).toEqual([first.turn, beginning.turn])
    expect(wayOf(first.conversation)).toEqual([beginning.turn]) // the newest
    expect(wayOf(first.conversation, second.turn)).toEqual([first.turn, second.turn, third.turn])
    expect(wayOf(first.conversation, first.turn)).toEqual([first.turn, again.turn])
    expect(textsOf(again.turn)).not.toEqual(textsOf(second.turn))

    const branch = studio.project.conversations.branch(second.turn)
    expect(branch).toMatchObject({ title: 'one (branch)', turns: 2 })
    const copies = studio.project.turns.path(branch.id, { limit: 10 }).turns
    expect(copies.map(({ prompt, panes }) => [prompt, panes])).toEqual([first, second].map(({ turn }) => [studio.project.turns.get(turn).prompt, studio.project.turns.get(turn).panes]))
    await say('from the branch', { parent: copies[1]!.turn })
    expect([first, second, third].map(({ turn }) => JSON.stringify({ ...studio.project.turns.get(turn), siblings: [] }))).toEqual(before)

    const { turns, earlier } = studio.project.turns.path(first.conversation, { through: third.turn, limit: 2 })
    expect([turns.map(({ turn }) => turn), earlier]).toEqual([[second.turn, third.turn], true])
    expect(studio.project.turns.path(first.conversation, { before: second.turn, limit: 2 })).toMatchObject({ turns: [{ turn: first.turn }], earlier: false })
  })

  test('a parent of another conversation, or none, is refused and leaves nothing behind', async () => {
    const { turn, conversation } = await say('one')
    const other = await say('two')
    expect(() => studio.engine.chat.send(studio.project, methods['chat.send'].input.parse({ prompt: 'x', panes: both, conversation: other.conversation, parent: turn }))).toThrow(/not one of conversation/)
    expect(() => studio.engine.chat.send(studio.project, methods['chat.send'].input.parse({ prompt: 'x', panes: both, parent: 999 }))).toThrow(/no turn 999/)
    expect(() => studio.engine.chat.send(studio.project, methods['chat.send'].input.parse({ prompt: 'x', panes: both, conversation: 999 }))).toThrow(/no conversation 999/)
    expect(studio.project.conversations.page('', 0, 10)).toMatchObject({ total: 2, conversations: [{ turns: 1 }, { turns: 1 }] })
    expect((await say('still there', { parent: turn })).conversation).toBe(conversation)
  })
})

describe('kept on the way', () => {
  test('a killed model host leaves what was generated, and the next message goes on', async () => {
    let tokens = 0
    studio.on('chat.token', () => void (++tokens === 30 && studio.killHost()))
    const { turn, failure } = await say('go on and on', { maxTokens: 1500, deterministic: false })
    expect(failure).toMatch(/process was killed by SIGKILL/)
    const { panes, failure: kept } = studio.project.turns.get(turn)
    expect(kept).toBe(failure)
    expect(panes.reduce((sum, { steps }) => sum + steps.length, 0)).toBeGreaterThanOrEqual(30)
    for (const { text, steps, end } of panes) expect([text, end?.finish]).toEqual([steps.map((step) => step.text).join(''), 'stopped'])
    expect((await say('and now', { parent: turn })).failure).toBeNull()
  })

  test('what the engine has stored so far is an answer that was stopped there, should it die', async () => {
    const seen: { text: string; finish: string | undefined; failure: string | null }[] = []
    let id = 0
    studio.on('chat.token', ({ turn, step }) => {
      id = turn
      const { panes, failure } = studio.project.turns.get(turn)
      if (panes[0]!.text !== '') seen.push({ text: panes[0]!.text, finish: panes[0]!.end?.finish, failure })
      else expect(step.text).toBeTypeOf('string')
    })
    await say('go on', { panes: [{ name: 'base' }], maxTokens: 40 })
    const whole = textsOf(id)[0]!
    expect(seen.length).toBeGreaterThan(0)
    for (const { text, finish, failure } of seen) {
      expect(whole.startsWith(text)).toBe(true)
      expect([finish, failure]).toEqual(['stopped', 'The studio ended before this was answered'])
    }
    expect(studio.project.turns.get(id)).toMatchObject({ failure: null, panes: [{ end: { finish: 'length' } }] })
  })

  test('a window that connects while an answer comes sees all of it so far', async () => {
    let shown = 0
    studio.on('chat.token', ({ turn }) => {
      const { turns, answering } = studio.engine.chat.path(studio.project, { conversation: 1, through: null, before: null, limit: 20 })
      expect([answering, turns.at(-1)?.failure]).toEqual([turn, null])
      expect(turns.at(-1)!.panes[0]!.steps).toHaveLength(++shown)
    })
    await say('go on', { panes: [{ name: 'base' }] })
    expect(shown).toBe(12)
    expect(studio.engine.chat.path(studio.project, { conversation: 1, through: null, before: null, limit: 20 })).toMatchObject({ answering: null })
  })
})

const answer = (text: string): ChatPane => ({ method: { name: 'base', settings: {} }, text, steps: [], end: { finish: 'end', tokensPerSecond: 1, reward: null }, rating: null })

/** A turn with given answers. */
function given(prompt: string, texts: string[], place: { parent?: number; conversation?: number } = {}): { turn: number; conversation: number } {
  const sent = studio.project.turns.add({ conversation: null, parent: null, ...place, prompt, seed: 1, methods: texts.map(() => ({ name: 'base', settings: {} })) })
  studio.project.turns.finish(sent.turn, texts.map(answer), null)
  return sent
}

test('search finds prompts, answers and titles by the beginnings of words, and no text is a syntax error', () => {
  const sea = given('Tell me of the sea', ['waves and foam', 'Ein Möwenschrei'])
  const hills = given('Über 100% of "hills" (NOT valleys)', ['今日は良い天気です', 'a_b\\c'])
  const later = given('and now?', ['lighthouses'], { parent: sea.turn })
  const found = (search: string): number[] => studio.project.conversations.page(search, 0, 10).conversations.map(({ id }) => id)
  expect(found('')).toEqual([sea.conversation, hills.conversation]) // the sea went on last
  for (const word of ['foa', 'MOWEN', 'tell sea', '"of the sea"']) expect(found(word), word).toEqual([sea.conversation])
  for (const word of ['uber', '100%', '天気', '(NOT', 'a_b', '"hills']) expect(found(word), word).toEqual([hills.conversation])
  expect(studio.project.conversations.page('light', 0, 10).conversations).toMatchObject([{ id: sea.conversation, found: { turn: later.turn, excerpt: 'lighthouses' } }])
  for (const hostile of ["'; DROP TABLE turns; --", '* OR 1=1', 'NEAR(a b', 'prompt:x', '^', '"', '""', '\0', 'a'.repeat(1000), ') AND (', '\ud800', '%', '_', '{}[]', '-x', '💬']) {
    expect(Array.isArray(found(hostile)), hostile).toBe(true)
  }
  expect(found('nothing of this')).toEqual([])
  studio.project.conversations.rename(sea.conversation, 'Ozean')
  expect(found('ozean')).toEqual([sea.conversation])
  expect(found('foam')).toEqual([sea.conversation])
  studio.project.conversations.delete(sea.conversation)
  for (const word of ['ozean', 'foam', 'light']) expect(found(word)).toEqual([])
  expect(() => studio.project.turns.get(later.turn)).toThrow(/no turn/)
})

test('a deleted conversation takes its thumbs with it; one that is being answered is not deleted', async () => {
  const { turn, conversation } = given('one', ['a', 'b'])
  studio.project.turns.rate(turn, 0, 1)
  expect(studio.project.turns.rated()).toBe(1)
  studio.engine.chat.delete(studio.project, conversation)
  expect(studio.project.turns.rated()).toBe(0)
  expect([...studio.project.turns.ratedTurns()]).toEqual([])
  let refused: unknown
  studio.on('chat.token', () => {
    try {
      studio.engine.chat.delete(studio.project, conversation + 1)
    } catch (error) {
      refused ??= error
    }
  })
  const sent = await say('go on')
  expect(refused).toMatchObject({ code: 'busy' })
  expect(textsOf(sent.turn)[0]).not.toBe('')
})

test('thumbs become preference data with the whole history; answers to different histories are no pair', () => {
  const same = given('hello', ['hi', 'hi'])
  const pair = given('tell me', ['good', 'bad'], { parent: same.turn })
  const other = given('bye', ['warm', 'cold'])
  const apart = given('and?', ['yes', 'no'], { parent: other.turn })
  for (const { turn } of [pair, apart]) {
    studio.project.turns.rate(turn, 0, 1)
    studio.project.turns.rate(turn, 1, -1)
  }
  const { id } = datasetOfThumbs(studio.project)
  const tasks = studio.project.datasets.tasks(id, null, null)
  expect(tasks.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected])).toEqual([
    ['\n\nHuman: hello\n\nAssistant: hi\n\nHuman: tell me\n\nAssistant:', 'good', 'bad'],
    ['\n\nHuman: bye\n\nAssistant: warm\n\nHuman: and?\n\nAssistant:', 'yes', null],
    ['\n\nHuman: bye\n\nAssistant: cold\n\nHuman: and?\n\nAssistant:', null, 'no']
  ])
  expect(tasks[0]!.messages).toEqual([{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'hi' }, { role: 'user', content: 'tell me' }])
})

test('exports: to read, everything, and messages; bad targets are refused and leave nothing', async () => {
  const first = given('# one\n\nsecond line', ['hello', '## shouted\n> and quoted'])
  const last = given('two', ['left', 'right'], { parent: first.turn })
  given('two, once more', ['x', 'y'], { parent: first.turn })
  studio.project.turns.rate(last.turn, 1, -1)
  const file = (name: string): string => join(studio.directory, name)
  const write = (format: 'markdown' | 'json' | 'messages', path: string): Promise<void> => exportConversation(studio.project, { conversation: first.conversation, turn: last.turn, format, file: path })
  await write('markdown', file('c.md'))
  const text = readFileSync(file('c.md'), 'utf8')
  expect(text).toContain('> # one\n>\n> second line\n')
  expect(text).toContain('> ## shouted\n> > and quoted\n')
  expect(text.split('\n').filter((line) => line.startsWith('#')).map((line) => line.slice(0, 13))).toEqual(['# # one secon', '## Prompt', '### Base mode', '### Base mode', '## Prompt', '### Base mode', '### Base mode'])
  await write('messages', file('c.jsonl'))
  const lines = readFileSync(file('c.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { messages: Message[]; rating: number | null })
  expect(lines.map(({ messages }) => messages.map(({ content }) => content))).toEqual([['# one\n\nsecond line', 'hello', 'two', 'left'], ['# one\n\nsecond line', '## shouted\n> and quoted', 'two', 'right']])
  expect(lines.map(({ rating }) => rating)).toEqual([null, -1])
  await write('json', file('c.json'))
  expect(JSON.parse(readFileSync(file('c.json'), 'utf8'))).toMatchObject({ id: first.conversation, turns: [{ turn: first.turn, parent: null }, { turn: last.turn, parent: first.turn }, { prompt: 'two, once more' }] })
  mkdirSync(file('folder'))
  await expect(write('json', file('folder'))).rejects.toMatchObject({ code: 'bad-request' })
  await expect(write('json', file('none/c.json'))).rejects.toMatchObject({ code: 'not-found' })
  writeFileSync(file('kept'), 'kept')
  await expect(exportConversation(studio.project, { conversation: 99, turn: null, format: 'json', file: file('kept') })).rejects.toMatchObject({ code: 'not-found' })
  expect(readFileSync(file('kept'), 'utf8')).toBe('kept')
})

test('presets of panes are kept by name, renamed and deleted', () => {
  const { panePresets } = studio.project
  panePresets.save('mine', [{ name: 'base', settings: {} }])
  panePresets.save('Other', [{ name: 'prompting', settings: { instruction: 'x' } }])
  panePresets.save('mine', [{ name: 'base', settings: {} }, { name: 'base', settings: {} }])
  expect(panePresets.list().map(({ name, methods: kept }) => [name, kept.length])).toEqual([['mine', 2], ['Other', 1]])
  const [mine, other] = panePresets.list().map(({ id }) => id) as [number, number]
  expect(() => panePresets.rename(mine, 'Other')).toThrow(/already/)
  panePresets.rename(mine, 'yours')
  panePresets.delete(other)
  expect(() => panePresets.delete(other)).toThrow(/no preset/)
  expect(() => panePresets.rename(other, 'x')).toThrow(/no preset/)
  expect(panePresets.list()).toEqual([{ id: mine, name: 'yours', methods: [{ name: 'base', settings: {} }, { name: 'base', settings: {} }] }])
})
