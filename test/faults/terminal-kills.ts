/** SIGKILL to the terminal's process at random moments of a command; the same command again must end as if nothing had been. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import type { seededRandom } from '../fixtures/random.ts'
import { makeHome } from '../cli/terminal.ts'
import { expectWhole } from './kills.ts'

/** @returns how often each command was killed while it ran */
export async function killTerminal(kills: number, random: ReturnType<typeof seededRandom>, only?: string): Promise<Record<string, number>> {
  const home = await makeHome()
  const done: Record<string, number> = {}
  try {
    writeFileSync(home.path('rows.jsonl'), Array.from({ length: 8 }, (_, i) => `${JSON.stringify({ prompt: `Question ${i}: what of ${i * 7}?`, score: Math.cos(i) })}\n`).join(''))
    const must = async (words: string): Promise<Record<string, unknown>> => {
      const { code, stdout, stderr } = await home.cli(...words.split(' '), '--json')
      expect({ code, stderr }).toMatchObject({ code: 0 })
      return JSON.parse(stdout) as Record<string, unknown>
    }
    await must('project new p --model tiny.gguf')
    await must('data import p rows.jsonl')
    cpSync(home.path('p'), home.path('imported'), { recursive: true })
    await must('collect p --dataset 1 --samples 2 --max-tokens 6 --seed 3')
    await must('reward p --collection 1 --source column --column score')
    cpSync(home.path('p'), home.path('labelled'), { recursive: true })
    const commands = [
      { what: 'import', begins: 'imported', words: 'data import p rows.jsonl', facts: ['imported', 'train', 'rejected'] },
      { what: 'collect', begins: 'imported', words: 'collect p --dataset 1 --samples 2 --max-tokens 6 --seed 3', facts: ['collection', 'responses'] },
      { what: 'train', begins: 'labelled', words: 'train p --collection 1 --source column --hidden 64 --lr 1e-3 --epochs 60 --patience 0 --seed 2', facts: ['valueFunction', 'epochs', 'trainLoss', 'correlation'] },
      { what: 'evaluate', begins: 'labelled', words: 'evaluate p --dataset 1 --split train --methods base,prompting --source tone --limit 4 --max-tokens 6 --temperature 0', facts: ['evaluation'] }
    ].filter(({ what }) => only === undefined || what === only)
    for (const { what, begins, words, facts } of commands) {
      const begin = (): void => {
        rmSync(home.path('p'), { recursive: true })
        cpSync(home.path(begins), home.path('p'), { recursive: true })
      }
      begin()
      const began = performance.now()
      const wanted = await must(words)
      const took = performance.now() - began
      done[what] = 0
      while (done[what] < kills) {
        begin()
        const { process: child, result } = home.start(...words.split(' '))
        const moment = random.uniform() * took
        await Promise.race([once(child, 'exit'), wait(moment)])
        child.kill('SIGKILL')
        if ((await result).code === null) done[what]++
        expectWhole(home.path('p'))
        const ended = await must(words)
        // a run that had ended before the kill is done again, as another data set or value function
        const { dataset: _dataset, valueFunction: _valueFunction, collection: _collection, evaluation: _evaluation, ...same } = ended
        for (const fact of facts) if (fact in same) expect(ended[fact], `${what}, killed after ${moment} ms`).toEqual(wanted[fact])
      }
    }
    expect(readFileSync(home.path('rows.jsonl'), 'utf8').split('\n')).toHaveLength(9)
    return done
  } finally {
    home.remove()
  }
}
