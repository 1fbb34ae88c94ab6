/** The real engine in a temporary folder: real SQLite, real model hosts, a tiny model. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { deviceChoice } from '../../src-main/contract/device.ts'
import type { EvaluateSettings } from '../../src-main/contract/evaluate.ts'
import type { Job } from '../../src-main/contract/job.ts'
import type { AnyEvent, EventName, EventPayload } from '../../src-main/contract/methods.ts'
import type { LabelSettings } from '../../src-main/contract/reward.ts'
import { Engine } from '../../src-main/engine/engine.ts'
import { evaluationDoors } from '../../src-main/engine/evaluate/study.ts'
import { sha256Of } from '../../src-main/engine/models/checksum.ts'
import { keepDeviceChoice } from '../../src-main/engine/models/device-choice.ts'
import { forkHost } from '../../src-main/engine/models/fork-host.ts'
import type { HostProcess } from '../../src-main/engine/models/host-client.ts'
import { rememberBatch, rememberThreads } from '../../src-main/engine/models/measured.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { labelDoors } from '../../src-main/engine/reward/label.ts'
import { writeTinyModel, type TinyModelOptions } from '../fixtures/tiny-model.ts'

export const root = resolve(import.meta.dirname, '..', '..')
export const hostEntry = join(root, 'out', 'main', 'model-host.js')

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 're-control-engine-'))
}

/** A temporary folder that is gone after the test. */
export function ownDirectory(): string {
  const directory = temporaryDirectory()
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** One JSON object a line. */
export function writeRows(file: string, rows: unknown[]): string {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return file
}

/** Prompts with a number each to learn from; `trainPrompts` of them to train on, the others held out. */
export function scoredPrompts(count: number, trainPrompts = count): { prompt: string; score: number; split: string }[] {
  return Array.from({ length: count }, (_, i) => ({
    prompt: `Question ${i}: what can you tell me about the number ${i * 7}?`,
    score: Math.sin(i),
    split: i < trainPrompts ? 'train' : 'held-out'
  }))
}

export interface Studio {
  directory: string
  project: Project
  engine: Engine
  modelFile: string
  /** what generating asks of the engine */
  around: { project: Project; models: Engine['models']; secrets: Engine['secrets']; asked: Engine['asked'] }
  events: AnyEvent[]
  /** Calls back at every event from now on. */
  on<N extends EventName>(event: N, handle: (payload: EventPayload<N>) => void): void
  /** SIGKILL to the model host that runs now, as the kernel would. */
  killHost(): void
  /** How many model hosts were started so far. */
  hosts(): number
  /** What happens to each new model host from now on. */
  onLaunch(handle: () => void): void
  importRows(rows: unknown[]): Promise<number>
  /** Runs a job to its end, as if a person had asked for it. */
  run(kind: Job['kind'], settings: unknown): Promise<Job>
  close(): Promise<void>
}

export async function openStudio(model: TinyModelOptions = {}): Promise<Studio> {
  const directory = temporaryDirectory()
  const modelFile = join(directory, 'tiny.gguf')
  const cacheDirectory = join(directory, 'cache')
  writeTinyModel(modelFile, model)
  // one thread: no time is lost to measuring, and equal work gives equal numbers
  const measured = { sha256: await sha256Of(modelFile), backend: 'cpu', gpuLayers: 0 } as const
  rememberThreads(cacheDirectory, measured, { chosen: 1, measurement: [{ threads: 1, tokensPerSecond: 1 }] })
  rememberBatch(cacheDirectory, measured, 1, { chosen: 512, measurement: [{ batchTokens: 512, tokensPerSecond: 1 }] })

  // the same on every machine
  const dataDirectory = join(directory, 'data')
  keepDeviceChoice(dataDirectory, deviceChoice.parse({ device: 'cpu' }))

  const events: AnyEvent[] = []
  const listeners: ((event: AnyEvent) => void)[] = []
  const children: ChildProcess[] = []
  const hosts = (): ChildProcess[] => children.filter(({ spawnargs }) => spawnargs.includes(hostEntry)) // what guards them was started too
  let onLaunch = (): void => {}
  const launchHost = (): HostProcess => {
    const created = (message: unknown): void => void children.push((message as { process: ChildProcess }).process)
    subscribe('child_process', created)
    const host = forkHost(hostEntry)
    unsubscribe('child_process', created)
    onLaunch()
    return host
  }
  const engine = new Engine({
    launchHost, cacheDirectory, dataDirectory,
    resourcesDirectory: join(root, 'resources'),
    tell: (event, payload) => {
      const told = { event, payload } as AnyEvent
      events.push(told)
      for (const listener of [...listeners]) listener(told)
    }
  })
  const project = await engine.open(() => Project.create(join(directory, 'project'), modelFile))
  mkdirSync(join(directory, 'files'))
  let files = 0
  const run: Studio['run'] = async (kind, settings) => {
    ask(engine, kind, settings)
    return engine.jobs.finished(engine.jobs.start(kind, settings).id)
  }
  return {
    directory, project, engine, modelFile, events, run,
    around: { project, models: engine.models, secrets: engine.secrets, asked: engine.asked },
    on: (name, handle) => void listeners.push(({ event, payload }) => void (event === name && handle(payload as never))),
    killHost: () => void hosts().at(-1)?.kill('SIGKILL'),
    hosts: () => hosts().length,
    onLaunch: (handle) => (onLaunch = handle),
    async importRows(rows) {
      const file = writeRows(join(directory, 'files', `rows-${++files}.jsonl`), rows)
      const { subject, failure } = await run('import', { file, format: null, map: {} })
      if (subject === null) throw new Error(`nothing was imported: ${failure?.message}`)
      return subject
    },
    async close() {
      await engine.close()
      rmSync(directory, { recursive: true, force: true })
    }
  }
}

function ask({ asked }: Engine, kind: Job['kind'], settings: unknown): void {
  const doors = kind === 'reward' ? labelDoors(settings as LabelSettings) : kind === 'evaluate' ? evaluationDoors({ source: '', sourceSettings: null, metrics: [], ...(settings as Partial<EvaluateSettings>) }) : []
  asked.add(...doors)
}

export const greedy = { temperature: 0, topK: 50, topP: 0.95, minP: 0 }
export const drawn = { temperature: 0.9, topK: 50, topP: 0.95, minP: 0 }
