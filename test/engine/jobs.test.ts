import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { job as jobSchema, type Job } from '../../src-main/contract/job.ts'
import { StudioError } from '../../src-main/contract/errors.ts'
import { JobRunner, type JobWork } from '../../src-main/engine/jobs/runner.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { ownDirectory } from './studio.ts'

/** Makes a data set and adds a row a step; ends at `rows`, or as `steer` says. What is there is not made again. */
interface Steer {
  /** runs before each row is added */
  before: (row: number) => void | Promise<void>
}
function rowWork(steer: Steer): JobWork<{ rows: number }> {
  return {
    unit: 'rows',
    title: ({ rows }) => `${rows} rows`,
    async run({ rows }, project, job, subject) {
      const dataset = subject ?? project.datasets.create('rows', 'nowhere', 'prompts')
      job.subject(dataset)
      let done = project.datasets.get(dataset).examples
      job.phase('Adding', { done, total: rows })
      while (done < rows) {
        await steer.before(done)
        job.signal.throwIfAborted()
        project.datasets.add(dataset, [{ line: ++done, split: 'train', prompt: `row ${done}`, messages: [], chosen: null, rejected: null, columns: {} }], [])
        job.progress(done)
        await new Promise(setImmediate)
      }
    },
    discard: (dataset, project) => project.datasets.delete(dataset)
  }
}

let directory = ''
let project: Project
let told: Job[]
let steer: Steer
let jobs: JobRunner

beforeEach(() => {
  directory = join(ownDirectory(), 'project')
  project = Project.create(directory, null)
  told = []
  steer = { before: () => {} }
  jobs = new JobRunner({ import: rowWork(steer) }, (job) => told.push(job))
  jobs.setProject(project)
})
afterEach(() => project.close())

const lines = (dataset: number | null): number[] => project.datasets.tasks(dataset ?? 0, null, null).map((task) => task.line)
const oneTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

/** Runs until `row` is about to be added, then holds there until the job is ended from outside. */
async function startAndReach(row: number, rows = 10): Promise<Job> {
  let reached = (): void => {}
  const at = new Promise<void>((resolve) => (reached = resolve))
  steer.before = (done) => {
    if (done < row) return
    reached()
    return new Promise((resolve) => setTimeout(resolve, 5))
  }
  const job = jobs.start('import', { rows })
  await at
  return job
}

describe('a job', () => {
  test('runs to its end and tells of it', async () => {
    const started = jobs.start('import', { rows: 5 })
    const job = await jobs.finished(started.id)
    expect(job).toMatchObject({ id: started.id, kind: 'import', title: '5 rows', state: 'done', phase: 'Done', done: 5, total: 5, unit: 'rows', failure: null, rate: null, secondsLeft: null })
    expect(lines(job.subject)).toEqual(oneTo(5))
    for (const one of [started, job, ...told, ...jobs.list()]) expect(jobSchema.parse(one)).toEqual(one)
    expect(told[0]?.state).toBe('running')
    expect(told.at(-1)?.state).toBe('done')
    expect(jobs.list()).toEqual([job]) // what is told is what is stored, the time of the update included
  })

  test('paused keeps what is finished, and resumed does the rest only', async () => {
    const { id } = await startAndReach(4)
    const paused = await jobs.pause(id)
    expect(paused).toMatchObject({ state: 'paused', failure: null, done: 4, total: 10 })
    expect(lines(paused.subject)).toEqual(oneTo(4))
    const again: number[] = []
    steer.before = (row) => void again.push(row)
    jobs.resume(id)
    const job = await jobs.finished(id)
    expect(job).toMatchObject({ state: 'done', done: 10, subject: paused.subject })
    expect(again).toEqual([4, 5, 6, 7, 8, 9])
    expect(lines(job.subject)).toEqual(oneTo(10))
  })

  test('stopped keeps what is finished and is over', async () => {
    const { id } = await startAndReach(3)
    const stopped = await jobs.stop(id)
    expect(stopped).toMatchObject({ state: 'stopped', failure: null })
    expect(lines(stopped.subject)).toEqual(oneTo(3))
    expect(() => jobs.resume(id)).toThrow(expect.objectContaining({ code: 'bad-request' }))
  })

  test('discarded takes what it made with it', async () => {
    const { id } = await startAndReach(3)
    expect(await jobs.discard(id)).toMatchObject({ state: 'stopped' })
    expect(project.datasets.list()).toEqual([])
  })

  test('paused can be stopped or discarded', async () => {
    const first = await startAndReach(2)
    await jobs.pause(first.id)
    expect(await jobs.stop(first.id)).toMatchObject({ state: 'stopped' })
    expect(project.datasets.list()).toHaveLength(1)
    const second = await startAndReach(2)
    await jobs.pause(second.id)
    expect(await jobs.discard(second.id)).toMatchObject({ state: 'stopped' })
    expect(project.datasets.list()).toHaveLength(1)
  })

  test('that fails says why, keeps what is finished, and can be resumed', async () => {
    steer.before = (row) => {
      if (row === 6) throw new StudioError('not-enough-memory', 'no room', { retryable: true, details: 'd' })
    }
    const failed = await jobs.finished(jobs.start('import', { rows: 10 }).id)
    expect(failed).toMatchObject({ state: 'failed', failure: { code: 'not-enough-memory', message: 'no room', details: 'd', retryable: true }, done: 6 })
    steer.before = () => {}
    expect(jobs.resume(failed.id)).toMatchObject({ failure: null })
    const job = await jobs.finished(failed.id)
    expect(job).toMatchObject({ state: 'done', failure: null })
    expect(lines(job.subject)).toEqual(oneTo(10))
  })

  test('whose work breaks is marked as our fault, with where', async () => {
    steer.before = () => { throw new TypeError('oops') }
    const failed = await jobs.finished(jobs.start('import', { rows: 1 }).id)
    expect(failed.failure).toMatchObject({ code: 'internal', message: 'oops', details: expect.stringContaining('jobs.test.ts') })
  })

  test('that is done stays done', async () => {
    const { id, subject } = await jobs.finished(jobs.start('import', { rows: 2 }).id)
    expect(() => jobs.resume(id)).toThrow(expect.objectContaining({ code: 'bad-request' }))
    expect(() => jobs.pause(id)).toThrow(expect.objectContaining({ code: 'bad-request' }))
    await expect(jobs.stop(id)).rejects.toThrow(expect.objectContaining({ code: 'bad-request' }))
    await expect(jobs.discard(id)).rejects.toThrow(expect.objectContaining({ code: 'bad-request' }))
    expect(project.jobs.get(id).state).toBe('done')
    expect(lines(subject)).toEqual(oneTo(2))
  })

  test('that nobody knows is not found; a kind without work is refused', async () => {
    for (const act of [() => jobs.resume(99), () => jobs.stop(99), () => jobs.discard(99), () => jobs.finished(99)]) await expect(async () => act()).rejects.toThrow(expect.objectContaining({ code: 'not-found' }))
    expect(() => jobs.start('train', {})).toThrow(expect.objectContaining({ code: 'bad-request' }))
    expect(jobs.list()).toEqual([])
  })
})

describe('when the studio ends', () => {
  test('normally, what runs is paused', async () => {
    const { id } = await startAndReach(3)
    await jobs.pauseAll()
    expect(project.jobs.get(id)).toMatchObject({ state: 'paused' })
  })

  test('by a crash, what ran is paused when the project is opened again, and goes on', async () => {
    const { id, subject } = await jobs.finished(jobs.start('import', { rows: 4 }).id)
    // as a killed process leaves its rows
    project.jobs.update(id, { state: 'running', phase: 'Adding' })
    const queued = project.jobs.create('import', 'never started', 'rows', { rows: 2 })
    const done = project.jobs.update(project.jobs.create('import', 'old', 'rows', {}).id, { state: 'done' })
    project.close()
    project = Project.open(directory)
    jobs.setProject(project)
    expect(jobs.list().map((job) => [job.id, job.state])).toEqual([[done.id, 'done'], [queued.id, 'paused'], [id, 'paused']])
    expect(project.jobs.get(id).phase).toMatch(/Interrupted/)
    jobs.resume(id)
    expect(await jobs.finished(id)).toMatchObject({ state: 'done', subject })
    expect(lines(subject)).toEqual(oneTo(4))
  })
})

test('without a project there are no jobs', () => {
  jobs.setProject(null)
  expect(jobs.list()).toEqual([])
  expect(() => jobs.start('import', { rows: 1 })).toThrow(expect.objectContaining({ code: 'no-project' }))
})
