/** The most memory that the model host takes: loading, steering with a wide value function, training from a file. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from 'simple-statistics'
import { sampling } from '../../../src-main/contract/shared.ts'
import type { HostClient } from '../../../src-main/engine/models/host-client.ts'
import { randomValueFunction } from '../../fixtures/value-functions.ts'
import { samplePrompts } from '../responses.ts'
import type { Measurement, PartResult } from '../result.ts'
import { leastRepetitions, spreadOf } from '../statistics.ts'
import { openStudio } from '../studio.ts'
import type { Subject } from '../subject.ts'
import { trajectoriesOf, writeStates } from './training.ts'

const hidden = 4096
const controlTokens = 8
const trainingTrajectories = 512
const watchEveryMs = 20

interface Peak {
  residentMB: number
  anonymousMB: number
}

export async function memory(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  const part = {
    name: 'memory',
    title: 'Peak memory of the model host',
    about:
      "Peak resident memory of the model host's process in each phase, a fresh host each time. Pages of the mapped model and of mapped states count as resident, " +
      "though the system takes them back when it needs them; the anonymous part is the process's own."
  } as const
  if (process.platform !== 'linux') {
    add({ group: 'model host', label: 'peak', unit: 'MB', spread: null, details: {}, note: 'read from /proc, which only Linux has' })
    return part
  }
  const file = join(subject.folder, 'memory.f16')
  writeStates(file, trainingTrajectories)
  const studio = await openStudio(subject)
  const layers = randomValueFunction(1, [subject.facts.stateSize, hidden, 1])
  const phases: { label: string; work: (host: HostClient) => Promise<unknown> }[] = [
    { label: 'loading the model', work: async () => {} },
    { label: `generating under control, H = ${hidden}`, work: (host) => generateControlled(host, { inputDim: subject.facts.stateSize, layers }) },
    { label: `training D = 2048, H = 2048 from ${Math.round(statSync(file).size / 1e6)} MB of states`, work: (host) => trainFrom(host, file) }
  ]
  const peaks = phases.map((): Peak[] => [])
  try {
    for (let repetition = 0; repetition < leastRepetitions; repetition++) {
      subject.progress(`memory: host ${repetition + 1} of ${leastRepetitions}`)
      const host = await studio.host()
      for (const [at, { work }] of phases.entries()) {
        peaks[at]?.push(await peakDuring(studio.hostProcess(), () => work(host), at > 0))
      }
      host.kill()
    }
  } finally {
    await studio.close()
    rmSync(file)
  }
  for (const [at, { label }] of phases.entries()) {
    const own = peaks[at] ?? []
    const details = { 'anonymous, MB': median(own.map(({ anonymousMB }) => anonymousMB)) }
    add({ group: 'model host', label, unit: 'MB', spread: spreadOf(own.map(({ residentMB }) => residentMB)), details, note: null })
  }
  return part
}

function generateControlled(host: HostClient, network: { inputDim: number; layers: ReturnType<typeof randomValueFunction> }): Promise<unknown> {
  const messages = [{ role: 'user' as const, content: samplePrompts(1)[0] ?? '' }]
  const request = { key: 0, prompt: { messages }, sampling: sampling.parse({}), seed: 1, maxTokens: controlTokens, control: { network: '1', stepSize: 1e-3, updates: 30, target: null, tolerance: 0, maxEdit: null } }
  return host.setNetwork('1', () => network).then(() => host.request('generate', { requests: [request], parallel: 1, states: true, tokens: false, deterministic: false }))
}

function trainFrom(host: HostClient, file: string): Promise<unknown> {
  return host.request('train', {
    network: { inputDim: 2048, hiddenDims: [2048] },
    objective: 'semi-gradient',
    learningRate: 1e-4,
    weightDecay: 0,
    clipNorm: null,
    warmupSteps: 0,
    checkpoint: null,
    batchStates: 512,
    epochs: 1,
    patience: 0,
    standardise: true,
    seed: 1,
    trajectories: trajectoriesOf(file, trainingTrajectories)
  })
}

/** @param fresh forget the peak so far; without it the peak is since the process began */
async function peakDuring(pid: number, work: () => Promise<unknown>, fresh: boolean): Promise<Peak> {
  if (fresh) writeFileSync(`/proc/${pid}/clear_refs`, '5')
  let anonymousMB = 0
  const watch = (): void => void (anonymousMB = Math.max(anonymousMB, memoryOf(pid, 'RssAnon')))
  watch()
  const watching = setInterval(watch, watchEveryMs)
  try {
    await work()
  } finally {
    clearInterval(watching)
  }
  watch()
  return { residentMB: memoryOf(pid, 'VmHWM'), anonymousMB }
}

/** A line of /proc/PID/status in MB (10^6 bytes). */
function memoryOf(pid: number, name: 'VmHWM' | 'RssAnon'): number {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kibibytes) * 1024) / 1e6
}
