/**
 * Win rate: a judge compares each response with another one, in both orders, as judges prefer a place (Zheng et al.
 * 2023, arXiv 2306.05685). Where the orders disagree it is a tie.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { judgeModel, judgeRequests, modelNamed, oneJudge } from '../../reward/judge-settings.ts'
import { judgeDoor, openJudge } from '../../reward/open-judge.ts'
import type { Verdict } from '../../reward/source.ts'
import type { MetricSource, ToMeasure } from '../metric.ts'
import { lengthControlled } from './length-control.ts'
import { choiceOf, defaultPairRubric, pairMessages } from './pair-rubric.ts'

const settings = z
  .object({
    against: z.enum(['base', 'preferred']).default('base').meta({ title: 'Against', description: 'The first method\'s response to the same prompt, or the answer that the data set prefers' }),
    ...judgeModel,
    rubric: z
      .string()
      .min(1)
      .max(20_000)
      .refine((text) => text.includes('{response_a}') && text.includes('{response_b}'), 'a rubric has the places {response_a} and {response_b}')
      .default(defaultPairRubric)
      .meta({ title: 'Rubric', description: 'What makes a response better. {prompt}, {response_a} and {response_b} are filled in, and how to write the verdict is added.' }),
    ...judgeRequests
  })
  .refine(...oneJudge)
  .refine(...modelNamed)
type Settings = z.output<typeof settings>

/** One of the two questions about an item: its response is A, or B. */
interface Side {
  item: ToMeasure
  swapped: boolean
}

export const winRate: MetricSource<typeof settings> = {
  name: 'win-rate',
  title: 'Win rate',
  description:
    'How often a judge prefers the response: 1 where it wins in both orders, 0 where it loses in both, 0.5 for a tie or where the orders disagree. ' +
    'Two requests a response; equal texts are a tie without asking. Beside it the rate at equal lengths.',
  source: 'Zheng et al. 2023 (arXiv 2306.05685); length control after Dubois et al. 2024 (arXiv 2404.04475)',
  better: 'higher',
  settings,
  label: ({ against }) => `win-rate:${against}`,
  againstBase: ({ against }) => against === 'base',
  complete: (chosen) => ({ ...chosen, file: chosen.file === null ? null : resolve(chosen.file) }),
  door: judgeDoor,

  async open(chosen, surroundings) {
    const judge = await openJudge<Side>(
      chosen,
      {
        messages({ item, swapped }) {
          const other = otherOf(item, chosen) as string
          return swapped ? pairMessages(chosen.rubric, item, other, item.text) : pairMessages(chosen.rubric, item, item.text, other)
        },
        read: choiceOf
      },
      surroundings
    )
    return {
      async measure(items, tell) {
        const first = new Map<ToMeasure, Verdict>() // of the order whose answer came first
        await judge.ask(sidesOf(items, chosen, tell), ({ item, swapped }, verdict) => {
          const own = swapped ? turned(verdict) : verdict
          const before = first.get(item)
          if (before === undefined) first.set(item, own)
          else {
            first.delete(item)
            tell(item, agreed(before, own))
          }
        })
      },
      close: () => judge.close()
    }
  },

  aggregate(chosen, measured) {
    const pairs = measured.flatMap(({ item, value }) => {
      const other = otherOf(item, chosen)
      return other === null ? [] : [{ example: item.example, value, length: item.text.length, otherLength: other.length }]
    })
    return [{ label: `win-rate:${chosen.against}:equal-length`, ...lengthControlled(pairs) }]
  }
}

function otherOf(item: ToMeasure, { against }: Settings): string | null {
  return against === 'base' ? item.base : item.preferred
}

/** What must be asked; what need not be is told on the way. */
function* sidesOf(items: Iterable<ToMeasure>, chosen: Settings, tell: (item: ToMeasure, verdict: Verdict) => void): Generator<Side> {
  for (const item of items) {
    const other = otherOf(item, chosen)
    if (other === null) tell(item, { failure: chosen.against === 'base' ? 'the first method has no response to its prompt' : 'its example has no preferred answer' })
    else if (other === item.text) tell(item, { value: 0.5 })
    else {
      yield { item, swapped: false }
      yield { item, swapped: true }
    }
  }
}

/** A verdict on the response that was B. */
function turned(verdict: Verdict): Verdict {
  return 'value' in verdict ? { value: 1 - verdict.value } : verdict
}

function agreed(one: Verdict, other: Verdict): Verdict {
  if ('failure' in one) return one
  if ('failure' in other) return other
  return { value: one.value === other.value ? one.value : 0.5 }
}
