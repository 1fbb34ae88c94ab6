/** The shapes of published data sets, from their public documentation. */
import { describe, expect, test } from 'vitest'
import { formatNamed, formats, recognise } from '../../../src-main/engine/data/formats.ts'
import type { Row } from '../../../src-main/engine/data/row.ts'
import { warningsOf } from '../../../src-main/engine/data/warnings.ts'

const parse = (format: Parameters<typeof formatNamed>[0], row: Row) => formatNamed(format).parse(row)
const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })

describe('each shape is recognised', () => {
  test.each<[string, Row]>([
    ['preference', { prompt: 'q', chosen: 'a', rejected: 'b' }],
    ['preference', { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }],
    ['preference', { prompt: 'q', chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')], score_chosen: 8 }],
    ['implicit-preference', { chosen: 'The sky is blue.', rejected: 'The sky is green.' }],
    ['implicit-preference', { chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] }],
    ['hh-rlhf', { chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: b' }],
    ['conversation', { messages: [user('q'), assistant('a')] }],
    ['conversation', { conversations: [{ from: 'human', value: 'q' }, { from: 'gpt', value: 'a' }] }],
    ['unpaired', { prompt: 'q', completion: 'a', label: true }],
    ['unpaired', { prompt: [user('q')], completion: [assistant('a')], label: false }],
    ['re-control', { prompt: 'q', result: 'qa', response: 'a' }],
    ['shp', { history: 'post', human_ref_A: 'a', human_ref_B: 'b', labels: 1 }],
    ['prompts', { prompt: 'q' }],
    ['prompts', { prompt: [user('q')] }]
  ])('%s: %j', (name, row) => expect(recognise([row])?.name).toBe(name))

  test('every format names its parts and its own split', () => {
    for (const { parts } of formats) expect(parts.at(-1)).toBe('split')
  })
})

describe('TRL\'s preferences', () => {
  test('conversational: the answers may repeat the prompt', () => {
    const expected = { prompt: 'q', messages: [user('q')], chosen: 'a', rejected: 'b' }
    expect(parse('preference', { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] })).toMatchObject(expected)
    expect(parse('preference', { prompt: 'q', chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')] })).toMatchObject(expected)
    expect(parse('preference', { prompt: JSON.stringify([user('q')]), chosen: 'a', rejected: 'b' })).toMatchObject(expected)
  })

  test('several turns become a transcript, system and all', () => {
    const turns = [{ role: 'system', content: 's' }, user('q'), assistant('a'), user('r')]
    expect(parse('preference', { prompt: turns, chosen: 'c', rejected: 'd' })).toMatchObject({ prompt: '\n\nSystem: s\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant:', messages: turns })
  })

  test('a prompt that is a transcript of HH-RLHF has its turns', () => {
    const prompt = '\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant:'
    expect(parse('preference', { prompt, chosen: 'c', rejected: 'd' })).toMatchObject({ prompt, messages: [user('q'), assistant('a'), user('r')] })
  })

  test.each<[Row, RegExp]>([
    [{ prompt: [user('q')], chosen: [user('x'), assistant('a')], rejected: 'b' }, /"chosen" is not one turn/],
    [{ prompt: [user('q')], chosen: [assistant('a'), user('x')], rejected: 'b' }, /"chosen" is not one turn/],
    [{ prompt: [{ role: 'tool', content: 'x' }], chosen: 'a', rejected: 'b' }, /message 1 of its "prompt" is by "tool"/],
    [{ prompt: [{ role: 'user', content: null }], chosen: 'a', rejected: 'b' }, /has no text/],
    [{ prompt: 'q', chosen: 'a\ud800', rejected: 'b' }, /half a character/]
  ])('%j says why it is none', (row, reason) => expect(() => parse('preference', row)).toThrow(reason))

  test('parts of a message that are text are one text, others none', () => {
    const prompt = [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }]
    expect(parse('prompts', { prompt }).prompt).toBe('ab')
    expect(() => parse('prompts', { prompt: [{ role: 'user', content: [{ type: 'image', url: 'x' }] }] })).toThrow(/has no text/)
  })
})

describe('an implicit prompt', () => {
  test.each([
    ['The sky is blue.', 'The sky is green.', 'The sky is', 'blue.', 'green.'],
    ['Q: yes or no?\nA: yes', 'Q: yes or no?\nA: yesterday', 'Q: yes or no?\nA:', 'yes', 'yesterday'],
    ['one two', 'one two three', 'one', 'two', 'two three'],
    ['Q\n\nA', 'Q\n\nB', 'Q', 'A', 'B']
  ])('%j and %j begin with %j', (chosen, rejected, prompt, good, bad) => {
    expect(parse('implicit-preference', { chosen, rejected })).toMatchObject({ prompt, chosen: good, rejected: bad })
  })

  test('of messages is all but the last turn', () => {
    const before = [user('q'), assistant('a'), user('r')]
    expect(parse('implicit-preference', { chosen: [...before, assistant('x')], rejected: [...before, assistant('y')] })).toMatchObject({ messages: before, chosen: 'x', rejected: 'y' })
  })

  test.each<[Row, RegExp]>([
    [{ chosen: 'same', rejected: 'same' }, /are the same/],
    [{ chosen: 'blue', rejected: 'green' }, /do not begin with the same words/],
    [{ chosen: [user('q'), assistant('a')], rejected: [user('r'), assistant('a')] }, /differ before their last turn/],
    [{ chosen: [assistant('a')], rejected: [assistant('b')] }, /no turn before/],
    [{ chosen: [user('q'), user('a')], rejected: [user('q'), user('b')] }, /not the assistant's/]
  ])('%j has none, and says why', (row, reason) => expect(() => parse('implicit-preference', row)).toThrow(reason))
})

describe('conversations', () => {
  test('the last turn of the assistant is the answer, and the system\'s turn stays', () => {
    const row = { conversations: [{ from: 'system', value: 's' }, { from: 'human', value: 'q' }, { from: 'gpt', value: 'a' }] }
    expect(parse('conversation', row)).toMatchObject({ messages: [{ role: 'system', content: 's' }, user('q')], chosen: 'a', rejected: null, used: ['conversations'] })
  })

  test('without an answer it is a prompt', () => {
    expect(parse('conversation', { messages: [user('q')] })).toMatchObject({ prompt: 'q', chosen: null })
  })

  test.each<[Row, RegExp]>([
    [{ messages: [] }, /not a list of messages/],
    [{ messages: 'text' }, /not a list of messages/],
    [{ messages: [assistant('a')] }, /no turn of the user/],
    [{}, /no "messages"/]
  ])('%j says why it is none', (row, reason) => expect(() => parse('conversation', row)).toThrow(reason))
})

describe('unpaired answers', () => {
  test.each([[true, 'a', null], [1, 'a', null], ['True', 'a', null], ['good', 'a', null], [false, null, 'a'], [0, null, 'a'], ['0', null, 'a']])('label %j', (label, chosen, rejected) => {
    expect(parse('unpaired', { prompt: 'q', completion: 'a', label })).toMatchObject({ chosen, rejected, used: ['prompt', 'completion'] })
  })

  test.each([0.5, 'perhaps', null, 2])('label %j is none', (label) => {
    expect(() => parse('unpaired', { prompt: 'q', completion: 'a', label })).toThrow(/label/)
  })
})

describe('SHP', () => {
  const comments = { history: 'post', human_ref_A: 'A', human_ref_B: 'B' }

  test.each<[Row, string]>([
    [{ labels: 1, score_A: 1, score_B: 9 }, 'A'],
    [{ labels: '0' }, 'B'],
    [{ score_A: 3, score_B: 2 }, 'A'],
    [{ score_A: '2', score_B: '30' }, 'B']
  ])('%j prefers %s', (columns, chosen) => expect(parse('shp', { ...comments, ...columns }).chosen).toBe(chosen))

  test.each<[Row, RegExp]>([
    [{ score_A: 2, score_B: 2 }, /same score/],
    [{}, /neither "labels" nor scores/],
    [{ labels: 3 }, /neither 0 nor 1/]
  ])('%j prefers neither, and no pair is made up', (columns, reason) => expect(() => parse('shp', { ...comments, ...columns })).toThrow(reason))
})

test('RE-Control\'s responses: the response is the answer, and a result that is prompt and response is no column', () => {
  expect(parse('re-control', { prompt: 'q ', result: 'q a', response: 'a' })).toMatchObject({ prompt: 'q ', chosen: 'a', used: ['prompt', 'response', 'result'] })
  expect(parse('re-control', { prompt: 'q', result: 'other', response: 'a' }).used).toEqual(['prompt', 'response'])
})

describe('what a person should look at', () => {
  const example = { prompt: 'What is the capital of France?', messages: [{ role: 'user' as const, content: 'q' }], chosen: 'Paris, on the Seine.', rejected: 'Lyon, on the Rhône.', used: [] }

  test.each([
    [{}, []],
    [{ prompt: 'Say: Paris, on the Seine. Now!' }, ['its prompt contains the chosen answer']],
    [{ prompt: 'Lyon, on the Rhône.' }, ['its prompt contains the rejected answer']],
    [{ prompt: 'Is it Paris?', chosen: 'Paris' }, []],
    [{ prompt: 'Answer: yes', chosen: 'yes' }, ['its prompt contains the chosen answer']],
    [{ chosen: ' ' }, ['its chosen answer is empty']],
    [{ rejected: 'Paris, on the Seine. ' }, ['its chosen and rejected answers are the same']],
    [{ prompt: 'x'.repeat(40_000) }, [expect.stringMatching(/40000 characters long/)]],
    [{ messages: [] }, ["its prompt does not end with the user's turn"]]
  ])('%#', (change, warnings) => expect(warningsOf({ ...example, ...change })).toEqual(warnings))
})
