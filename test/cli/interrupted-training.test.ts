/** `train` interrupted, then killed with everything, then run again: the same command ends with an uninterrupted run's weights. */
import { readdirSync, writeFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Project } from '../../src-main/engine/project/project.ts'
import { makeHome, type Home } from './terminal.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  const rows = Array.from({ length: 12 }, (_, i) => ({ prompt: `Question ${i}: what of ${i * 7}?`, score: Math.cos(i) }))
  writeFileSync(home.path('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  for (const command of [
    'project new p --model tiny.gguf',
    'data import p rows.jsonl',
    'collect p --dataset 1 --samples 2 --max-tokens 8 --seed 3',
    'reward p --collection 1 --source column --column score'
  ]) {
    expect(await home.cli(...command.split(' ')), command).toMatchObject({ code: 0 })
  }
})
afterAll(() => home.remove())

const train = 'train p --collection 1 --source column --hidden 512 --lr 1e-3 --batch 32 --epochs 1500 --patience 0 --seed 2 --json'.split(' ')

/** Resolves some epochs after the training itself has begun. */
async function afterSomeEpochs(stderr: Readable): Promise<void> {
  let text = ''
  for await (const chunk of stderr.iterator({ destroyOnReturn: false })) if (/^Training /m.test((text += String(chunk)))) break
  await wait(300)
}

test('Ctrl-C, kill -9 of everything, and to its end', async () => {
  const first = home.start(...train)
  await afterSomeEpochs(first.process.stderr!)
  first.process.kill('SIGINT')
  expect(await first.result).toMatchObject({ code: 130, stdout: '', stderr: expect.stringContaining('the same command goes on from there') })
  const checkpoints = (): string[] => readdirSync(home.path('p', 'states')).filter((name) => name.includes('checkpoint'))
  expect(checkpoints()).toEqual([expect.stringMatching(/^training-\d+\.checkpoint$/)])

  const second = home.start(...train)
  await afterSomeEpochs(second.process.stderr!)
  second.process.kill('SIGKILL')
  expect((await second.result).code).toBeNull()

  const third = await home.cli(...train)
  expect(third, third.stderr).toMatchObject({ code: 0, stderr: expect.stringMatching(/Going on with what was interrupted: [1-9]\d* of 1500 epochs are done[^]*Training +\[[#.]+\] [1-9]/) })
  expect(checkpoints()).toEqual([])

  const whole = await home.cli(...train)
  expect(whole).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Going on') })
  expect({ ...third.json, valueFunction: 0 }).toEqual({ ...whole.json, valueFunction: 0 })
  const project = Project.open(home.path('p'))
  const [resumed, uninterrupted] = [third, whole].map((run) => ({
    network: project.valueFunctions.network(run.json['valueFunction'] as number),
    curve: project.valueFunctions.detail(run.json['valueFunction'] as number).curve
  }))
  project.close()
  expect(resumed).toEqual(uninterrupted)
})
