/** What names a thing that is not there is told so, by every method that takes an id: an empty list would be taken for an answer. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { job as jobSchema } from '../../src-main/contract/job.ts'
import { methods, type MethodName } from '../../src-main/contract/methods.ts'
import { labelSettings } from '../../src-main/contract/reward.ts'
import { id } from '../../src-main/contract/shared.ts'
import { trainSettings } from '../../src-main/contract/value.ts'
import type { Handlers } from '../../src-main/engine/engine.ts'
import { createHandlers } from '../../src-main/engine/handlers.ts'
import { answer } from '../../src-main/engine/serve.ts'
import { greedy, openStudio, scoredPrompts, type Studio } from '../engine/studio.ts'

const unknown = 999_999
/** What a text must be to come as far as the id. */
const texts: Record<string, string> = { source: 'column', name: 'base' }
/** Without these another fault is told first. */
const beside: Record<string, object> = { 'train.start preferred': { dispreferred: 1 }, 'train.start dispreferred': { preferred: 1 }, 'train.start of': { objective: 'mean-gradient', source: 'column' }, 'reward.preview collection': { settings: { column: 'score' } }, 'reward.start collection': { settings: { column: 'score' } } }

/** Where a method's input has ids: "dataset", "a.evaluation", "ids.0". */
function idsIn(schema: z.ZodType, at: string[] = []): string[] {
  if (schema === id) return [at.join('.')]
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return idsIn(schema.unwrap() as z.ZodType, at)
  if (schema instanceof z.ZodArray) return idsIn(schema.element as z.ZodType, [...at, '0'])
  if (schema instanceof z.ZodObject) return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, value]) => idsIn(value, [...at, key]))
  return []
}

/** Input that fits, with the first thing of each kind everywhere but at one place. */
function inputFor(schema: z.ZodType, place: string, at: string[] = []): unknown {
  const here = at.join('.')
  if (schema === id) return here === place ? unknown : 1
  const onTheWay = here === '' || place === here || place.startsWith(`${here}.`)
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) return onTheWay ? inputFor(schema.unwrap() as z.ZodType, place, at) : undefined
  if (schema instanceof z.ZodNullable) return onTheWay ? inputFor(schema.unwrap() as z.ZodType, place, at) : null
  if (schema instanceof z.ZodObject) return Object.fromEntries(Object.entries(schema.shape as Record<string, z.ZodType>).map(([key, value]) => [key, inputFor(value, place, [...at, key])]))
  if (schema instanceof z.ZodArray) {
    for (const length of [1, 2]) {
      const items = Array.from({ length }, (_, i) => inputFor(schema.element as z.ZodType, place, [...at, String(i)]))
      if (length === 2 || schema.safeParse(items).success) return items
    }
  }
  const few = [texts[at.at(-1) ?? ''], join(studio.directory, 'written'), 'good', 'x', 1, true, {}, 0.5]
  if (schema instanceof z.ZodEnum) return schema.options[0]
  return few.find((value) => value !== undefined && schema.safeParse(value).success)
}

const names = Object.keys(methods) as MethodName[]
const places = names.flatMap((method) => idsIn(methods[method].input).map((place) => ({ method, place })))

let studio: Studio
let handlers: Handlers
beforeAll(async () => {
  studio = await openStudio()
  const dataset = await studio.importRows(scoredPrompts(8, 6))
  const { subject: collection } = await studio.run('collect', collectSettings.parse({ dataset, maxTokens: 6, parallel: 4, sampling: greedy }))
  await studio.run('reward', labelSettings.parse({ collection, source: 'column', settings: { column: 'score' } }))
  await studio.run('train', trainSettings.parse({ collection, source: 'column', hidden: 8, epochs: 1, batch: 4 }))
  await studio.run('evaluate', evaluateSettings.parse({ dataset, split: null, limit: 2, methods: [{ name: 'base' }], source: 'tone', maxTokens: 4, sampling: greedy }))
  handlers = createHandlers(studio.engine)
  const { turn } = await handlers['chat.send'](methods['chat.send'].input.parse({ prompt: 'Why?', panes: [{ name: 'base' }], maxTokens: 2 }))
  await studio.engine.chat.idle()
  expect(turn).toBe(1)
})
afterAll(() => studio.close())

test('ids are found in the contract', () => {
  expect(places.length).toBeGreaterThan(50)
  expect(places).toContainEqual({ method: 'evaluate.compare', place: 'b.evaluation' })
})

test.each(places)('$method of a $place that is not there', async ({ method, place }) => {
  const input = { ...(inputFor(methods[method].input, place) as object), ...beside[`${method} ${place}`] }
  expect(methods[method].input.safeParse(input).error, JSON.stringify(input)).toBeUndefined()
  const reply = await answer(handlers, { id: 1, method, input })
  const started = reply !== null && 'output' in reply ? jobSchema.safeParse(reply.output).data : undefined
  const failed = started === undefined ? reply : { failure: (await studio.engine.jobs.finished(started.id)).failure }
  expect(failed, JSON.stringify(input)).toMatchObject({ failure: { code: 'not-found', message: expect.stringContaining(String(unknown)) as string } })
})
