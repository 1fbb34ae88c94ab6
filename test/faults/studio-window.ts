/** The real window as the soaks drive it: by its page's own port, and by its buttons. */
import type { ElectronApplication, Page } from '@playwright/test'
import { expect } from 'vitest'
import type { Job } from '../../src-main/contract/job.ts'
import type { MethodName } from '../../src-main/contract/methods.ts'
import { ask, takePort } from '../e2e/port.ts'
import { launch } from '../e2e/studio.ts'
import { descendantsOf, processTable, type ProcessEntry } from '../fixtures/processes.ts'

export interface StudioWindow {
  app: ElectronApplication
  page: Page
  /** @throws Error with what it failed with */
  output<O>(method: MethodName, input: object): Promise<O>
  /** of the open project's newest job */
  newest(): Promise<Job | undefined>
  /** Waits for the end of the newest job, which must be `state`. */
  ended(state?: Job['state']): Promise<Job>
  /** The app's and all below it. */
  processes(): ProcessEntry[]
}

/** @param folder see launch */
export async function openWindow(folder: string): Promise<StudioWindow> {
  const app = await launch(folder)
  const page = await app.firstWindow()
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  await takePort(page)
  const output = async <O>(method: MethodName, input: object): Promise<O> => {
    const { output: given, failure } = await ask(page, method, input)
    if (given === undefined) throw new Error(`${method}: ${failure?.message}`)
    return given as O
  }
  const newest = async (): Promise<Job | undefined> => (await output<{ jobs: Job[] }>('studio.state', {})).jobs.toSorted((a, b) => b.id - a.id)[0]
  return {
    app, page, output, newest,
    ended: async (state = 'done') => {
      let job: Job | undefined
      await expect.poll(async () => (job = await newest())?.state, { timeout: 300_000, interval: 20 }).not.toBe('running')
      expect(job, job?.failure?.message).toMatchObject({ state })
      return job as Job
    },
    processes: () => [...processTable().filter((one) => one.pid === app.process().pid), ...descendantsOf(app.process().pid as number)]
  }
}
