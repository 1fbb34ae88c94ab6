/** The engine with a project of its own around the model under measurement, in a real model host: what people wait for. */
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { deviceChoice } from '../../src-main/contract/device.ts'
import type { Job } from '../../src-main/contract/job.ts'
import { Engine } from '../../src-main/engine/engine.ts'
import { checksumOf } from '../../src-main/engine/models/checksum.ts'
import { forkHost } from '../../src-main/engine/models/fork-host.ts'
import type { HostClient, HostProcess } from '../../src-main/engine/models/host-client.ts'
import { keepDeviceChoice } from '../../src-main/engine/models/device-choice.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { batchTokens, type Subject } from './subject.ts'

const root = resolve(import.meta.dirname, '..', '..')

export interface Studio {
  project: Project
  /** The model host with the model in it. */
  host(): Promise<HostClient>
  /** The process of the last host that was started. */
  hostProcess(): number
  /** The id of a data set of these prompts. */
  importPrompts(prompts: string[]): Promise<number>
  /** Runs a job to its end. @throws Error when it does not succeed */
  run(kind: Job['kind'], settings: unknown): Promise<Job>
  close(): Promise<void>
}

let studios = 0

/** With the checksum and the threads that the benchmark has found, so that both measure the same. */
export async function openStudio(subject: Subject): Promise<Studio> {
  const directory = join(subject.folder, `studio-${studios++}`)
  const cacheDirectory = join(directory, 'cache')
  await checksumOf(subject.file, cacheDirectory)
  const dataDirectory = join(directory, 'data')
  keepDeviceChoice(dataDirectory, deviceChoice.parse({ device: 'cpu', threads: subject.threads, batchTokens }))

  let process: ChildProcess | null = null
  const launchHost = (): HostProcess => {
    const created = (message: unknown): void => void (process = (message as { process: ChildProcess }).process)
    subscribe('child_process', created)
    const host = forkHost(join(root, 'out', 'main', 'model-host.js'))
    unsubscribe('child_process', created)
    return host
  }
  const engine = new Engine({
    launchHost, cacheDirectory, dataDirectory,
    resourcesDirectory: join(root, 'resources'),
    tell: () => {}
  })
  const project = await engine.open(() => Project.create(join(directory, 'project'), subject.file))
  const run: Studio['run'] = async (kind, settings) => {
    const job = await engine.jobs.finished(engine.jobs.start(kind, settings).id)
    if (job.state !== 'done') throw new Error(`${job.title}: ${job.failure?.message ?? job.state}`)
    return job
  }
  return {
    project, run,
    host: () => engine.models.use(project),
    hostProcess: () => (process as ChildProcess | null)?.pid ?? 0,
    async importPrompts(prompts) {
      const file = join(directory, 'prompts.jsonl')
      writeFileSync(file, prompts.map((prompt) => `${JSON.stringify({ prompt, split: 'train' })}\n`).join(''))
      return (await run('import', { file, format: null, map: {} })).subject ?? 0
    },
    close: () => engine.close()
  }
}
