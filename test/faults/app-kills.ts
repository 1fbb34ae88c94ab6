/**
 * Kill loops of the whole app: the real window is killed while a job runs, its process alone or its whole group, and started again;
 * the job is resumed by its button. What is there then must be what an uninterrupted run leaves.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { deviceChoice } from '../../src-main/contract/device.ts'
import type { Job } from '../../src-main/contract/job.ts'
import type { MethodName } from '../../src-main/contract/methods.ts'
import { keepDeviceChoice } from '../../src-main/engine/models/device-choice.ts'
import { untilGone } from '../fixtures/processes.ts'
import type { seededRandom } from '../fixtures/random.ts'
import { expectWhole, scenarios, type Grounds } from './kills.ts'
import { openWindow, type StudioWindow } from './studio-window.ts'

const methods: Partial<Record<string, MethodName>> = { import: 'data.import', collect: 'collect.start', reward: 'reward.start', train: 'train.start', evaluate: 'evaluate.start' }

/** @returns how often the app was killed while the job ran */
export async function killApp(name: string, grounds: Grounds, kills: number, random: ReturnType<typeof seededRandom>): Promise<number> {
  const scenario = scenarios.find((one) => one.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  const place = join(grounds.directory, 'killed-app')
  keepDeviceChoice(join(place, 'data', 're-control-studio'), deviceChoice.parse({ device: 'cpu', threads: 1, batchTokens: 512 }))
  const project = join(place, 'project')
  const begin = async (): Promise<{ window: StudioWindow; start(window: StudioWindow): Promise<void> }> => {
    rmSync(project, { recursive: true, force: true })
    cpSync(grounds.before[scenario.begins], project, { recursive: true })
    mkdirSync(place, { recursive: true })
    const act = scenario.act(grounds, project, random)
    const method = 'job' in act ? methods[act.job] : undefined
    if (!('job' in act) || method === undefined) throw new Error(`${name} is nothing that the window starts`)
    const window = await openWindow(place)
    await window.output('project.open', { directory: project })
    return { window, start: async ({ output }) => void (await output(method, act.settings as object)) }
  }
  const undisturbed = await begin()
  const [before] = await undisturbed.window.output<{ jobs: Job[] }>('studio.state', {}).then(({ jobs }) => jobs)
  const began = performance.now()
  await undisturbed.start(undisturbed.window)
  await undisturbed.window.ended()
  const took = performance.now() - began
  await undisturbed.window.app.close()
  const wanted = scenario.result(project)

  let killed = 0
  for (let attempt = 0; killed < kills; attempt++) {
    const { window, start } = await begin()
    const pid = window.app.process().pid as number
    const all = window.processes()
    const moment = random.uniform() * took
    const group = random.uniform() < 0.5
    try {
      void start(window).catch(() => {}) // the answer may die with the app
      await wait(moment)
      const everything = new Map([...all, ...window.processes()].map((one) => [`${one.pid} ${one.started}`, one]))
      process.kill(group ? -pid : pid, 'SIGKILL')
      await untilGone([...everything.values()])
      expectWhole(project)

      const next = await openWindow(place)
      await next.page.getByRole('region', { name: 'Recent' }).getByRole('button').first().click()
      await expect.poll(async () => (await next.output<{ project: unknown }>('studio.state', {})).project).not.toBeNull()
      const job = await next.newest()
      if (job === undefined || job.id === before?.id) await start(next) // killed before the job was there
      else if (job.state !== 'done') {
        killed++
        await next.page.getByRole('region', { name: 'Jobs' }).getByRole('button', { name: 'Resume' }).first().click()
      }
      await next.ended()
      const left = next.processes()
      await next.app.close()
      await untilGone(left)
      expectWhole(project)
      expect(scenario.result(project)).toEqual(wanted)
    } catch (error) {
      throw new Error(`${name}: ${group ? 'the group' : 'the app'} killed after ${Math.round(moment)} of ${Math.round(took)} ms, attempt ${attempt}`, { cause: error })
    }
  }
  return killed
}
