import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { steeringMethod } from '../../src-main/contract/control.ts'
import type { Message } from '../../src-main/contract/data.ts'
import { listMethods, methodNamed, resolveMethod } from '../../src-main/engine/control/methods.ts'

const question: Message[] = [{ role: 'user', content: 'Why?' }]

describe('every method', () => {
  test('can be chosen by its name and says where it comes from', () => {
    const methods = listMethods()
    expect(methods.map((method) => method.name)).toEqual(['base', 'prompting', 're-control', 'pre-control', 'static-re', 'best-of-n', 'cd-prefix', 'cd', 'deal', 'inferaligner', 'control-vector', 'lora', 'model', 're-control+prompting', 'pre-control+prompting', 'static-re+prompting', 'best-of-n+prompting', 'cd-prefix+prompting', 'cd+prompting', 'deal+prompting', 'inferaligner+prompting', 'control-vector+prompting', 'lora+prompting', 'lora+re-control', 'model+prompting'])
    for (const method of methods) expect(steeringMethod.parse(method)).toEqual(method)
    expect(methods.find((method) => method.name === 're-control')?.source).toContain('2406.05954')
  })

  test('describes its settings as JSON Schema, defaults and limits included', () => {
    const settings = listMethods().find((method) => method.name === 're-control')?.settings
    expect(settings).toMatchObject({
      type: 'object',
      required: ['valueFunction'],
      properties: { valueFunction: { type: 'integer' }, alpha: { type: 'number', minimum: 0, default: expect.any(Number) }, updates: { type: 'integer', default: expect.any(Number) } }
    })
  })
})

describe('base', () => {
  test('changes nothing', () => {
    const base = resolveMethod({ name: 'base', settings: {} })
    expect(base.messages(question)).toEqual(question)
    expect(base.control).toBeNull()
  })
})

describe('prompting', () => {
  test('puts its instruction before the conversation', () => {
    const { messages, control } = resolveMethod({ name: 'prompting', settings: { instruction: 'Be kind.' } })
    expect(messages(question)).toEqual([{ role: 'system', content: 'Be kind.' }, ...question])
    expect(control).toBeNull()
  })

  test('keeps a system message that is there, and the conversation it was given', () => {
    const given: Message[] = [{ role: 'system', content: 'You know birds.' }, ...question]
    const { messages } = resolveMethod({ name: 'prompting', settings: { instruction: 'Be kind.' } })
    expect(messages(given)).toEqual([{ role: 'system', content: 'Be kind.\n\nYou know birds.' }, ...question])
    expect(given[0]?.content).toBe('You know birds.')
  })
})

describe('re-control', () => {
  test('is a plan of edits with the defaults filled in', () => {
    const { control, messages } = resolveMethod({ name: 're-control', settings: { valueFunction: 4 } })
    const { properties } = z.toJSONSchema(methodNamed('re-control').settings, { io: 'input' }) as { properties: Record<string, { default: number }> }
    expect(control).toMatchObject({ terms: [{ valueFunction: 4, weight: 1 }], alpha: properties['alpha']!.default, updates: properties['updates']!.default, target: null, maxEdit: null })
    expect(messages(question)).toEqual(question)
  })

  test.each([
    {},
    { valueFunction: 0 },
    { valueFunction: 1.5 },
    { valueFunction: 1, alpha: -1 },
    { valueFunction: 1, alpha: NaN },
    { valueFunction: 1, alpha: Infinity },
    { valueFunction: 1, updates: 2.5 },
    { valueFunction: 1, updates: 1e9 },
    { valueFunction: '1' },
    { valueFunction: 1, maxEdit: 0 },
    { valueFunction: 1, further: '2;3' },
    { valueFunction: 1, further: '2*' },
    { valueFunction: 1, further: '0' }
  ])('settings %j are refused', (settings) => {
    expect(() => resolveMethod({ name: 're-control', settings })).toThrow(z.ZodError)
  })
})

test('further value functions are terms of a weighted sum', () => {
  const { control } = resolveMethod({ name: 're-control', settings: { valueFunction: 4, further: '2*0.5, 7*-1.25,9' } })
  expect(control?.terms).toEqual([{ valueFunction: 4, weight: 1 }, { valueFunction: 2, weight: 0.5 }, { valueFunction: 7, weight: -1.25 }, { valueFunction: 9, weight: 1 }])
})

test('pre-control steers to its target', () => {
  const { control } = resolveMethod({ name: 'pre-control', settings: { valueFunction: 4, target: -0.5, maxEdit: 0.3 } })
  expect(control).toMatchObject({ target: -0.5, maxEdit: 0.3 })
  expect(control!.tolerance).toBeGreaterThan(0)
})

describe('methods that search', () => {
  test('by value read the value function and edit nothing', () => {
    const { control, search } = resolveMethod({ name: 'cd-prefix', settings: { valueFunction: 4, branches: 6, beta: 1.5, further: '2*0.5' } })
    expect(search).toEqual({ by: 'value', topK: 6, weight: 1.5 })
    expect(control).toMatchObject({ terms: [{ valueFunction: 4, weight: 1 }, { valueFunction: 2, weight: 0.5 }], alpha: 0, updates: 0, target: null })
  })

  test('by reward name it; CD draws, DeAL takes the best', () => {
    expect(resolveMethod({ name: 'cd', settings: { reward: 'kind', branches: 3, rollout: 5 } })).toMatchObject({ control: null, search: { by: 'reward', reward: 'kind', topK: 3, lookahead: 5, keep: 1, draws: true } })
    expect(resolveMethod({ name: 'deal', settings: { weight: 2, block: 3 } })).toMatchObject({ search: { by: 'reward', reward: 'tone', weight: 2, keep: 3, draws: false } })
  })

  test.each([{ branches: 0 }, { branches: 65 }, { beta: NaN }, { beta: 101 }, { further: 'x' }])('settings %j are refused', (settings) => {
    expect(() => resolveMethod({ name: 'cd-prefix', settings: { valueFunction: 1, ...settings } })).toThrow(z.ZodError)
  })
})

describe('methods joined by +', () => {
  test('do both, each with its own settings', () => {
    const both = resolveMethod({ name: 're-control+prompting', settings: { valueFunction: 2, alpha: 0.5, updates: 7, instruction: 'Be kind.' } })
    expect(both.messages(question)).toEqual([{ role: 'system', content: 'Be kind.' }, ...question])
    expect(both.control).toMatchObject({ terms: [{ valueFunction: 2, weight: 1 }], alpha: 0.5, updates: 7 })
    expect(Object.keys(methodNamed('re-control+prompting').settings.shape).sort()).toEqual(['alpha', 'further', 'instruction', 'maxEdit', 'updates', 'valueFunction'])
  })

  test('mean the same in either order', () => {
    const settings = { valueFunction: 2, instruction: 'Be kind.' }
    const [a, b] = ['re-control+prompting', 'prompting+re-control'].map((name) => resolveMethod({ name, settings }))
    expect(a?.messages(question)).toEqual(b?.messages(question))
    expect(a?.control).toEqual(b?.control)
  })

  test('two that both edit states do not compose', () => {
    expect(() => methodNamed('re-control+re-control')).toThrow(/do not compose/)
  })

  test.each(['', '+', 're-control+', 'nothing', 'base+nothing', '__proto__', 'constructor'])('"%s" is no method', (name) => {
    expect(() => methodNamed(name)).toThrow(/there is no method .*; there are base, prompting, re-control, pre-control, .*re-control\+prompting/)
  })
})
