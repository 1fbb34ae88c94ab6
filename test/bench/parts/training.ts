/** How many states a second the trainer takes, and PyTorch on the same machine where there is one. */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Trainer, type Trajectory } from '../../../native/trainer.ts'
import { seededRandom } from '../../fixtures/random.ts'
import { interleave, timed } from '../interleave.ts'
import { describeNetwork } from '../networks.ts'
import type { Measurement, PartResult } from '../result.ts'
import { ratios, spreadOf } from '../statistics.ts'
import type { Subject } from '../subject.ts'
import { startTorch } from '../torch.ts'

const inputDim = 2048
const batchStates = 512
const trajectoryStates = 64
const trajectories = 128
const states = trajectories * trajectoryStates
const networks = [[2048], [2048, 1024]]

export async function training(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  const file = join(subject.folder, 'training.f16')
  writeStates(file, trajectories)
  const threads = availableParallelism()
  for (const hidden of networks) {
    const group = describeNetwork(hidden)
    const trainer = new Trainer(
      { inputDim, hiddenDims: hidden, objective: 'semi-gradient', learningRate: 1e-4, batchStates, seed: 1, threads, standardise: true },
      trajectoriesOf(file, trajectories)
    )
    subject.progress(`training: ${group}`)
    const torch = await startTorch({ inputDim, hidden, batchStates, trajectoryStates, trajectories, threads })
    const own = (): Promise<number> => timed(() => trainer.epoch())
    try {
      await trainer.prepare()
      await own()
      await torch?.epoch()
      const [native = [], other] = await interleave(torch === null ? [own] : [own, torch.epoch], { seconds: 20, most: 15 })
      const speed = rates(native)
      const details = { threads, 'matrix products, GFLOP/s': (speed.median * operations(hidden)) / 1e9 }
      add({ group, label: 'this program', unit: 'states/s', spread: speed, details, note: null })
      add({ group, label: 'PyTorch', unit: 'states/s', spread: other === undefined ? null : rates(other), details: {}, note: torch?.version ?? 'there is no python3 with torch here' })
      if (other !== undefined) {
        // time of PyTorch over ours is our speed over its
        add({ group: 'speed over PyTorch', label: group, unit: 'ratio', spread: ratios(other, native), details: {}, note: torch?.version ?? null })
      }
    } finally {
      torch?.stop()
    }
  }
  return {
    name: 'training',
    title: 'Training',
    about: `Epochs over ${states} float16 states in a file, D = ${inputDim}, batches of ${batchStates} states, semi-gradient loss, Adam. PyTorch has the same loss, batches and optimiser and its states as float32 in memory; its epochs come in turns with ours.`
  }
}

const rates = (seconds: readonly number[]): ReturnType<typeof spreadOf> => spreadOf(seconds.map((time) => states / time))

/** Of the matrix products for one state: forward, the weights' gradient, and for a second layer its input's. */
function operations(hidden: readonly number[]): number {
  const [first = 0, second = 0] = hidden
  return 4 * inputDim * first + 6 * first * second
}

/** Writes normally distributed float16 states of `count` trajectories. */
export function writeStates(file: string, count: number): void {
  const random = seededRandom(3)
  const block = Float16Array.from({ length: trajectoryStates * inputDim }, () => random.normal())
  writeFileSync(file, '')
  for (let i = 0; i < count; i++) writeFileSync(file, new Uint8Array(block.buffer), { flag: 'a' })
}

/** Trajectories in a file by writeStates, with rewards of mean 0 and variance 1. */
export function trajectoriesOf(file: string, count: number): (Trajectory & { file: string; offset: number; count: number })[] {
  const random = seededRandom(4)
  const bytes = trajectoryStates * inputDim * 2
  return Array.from({ length: count }, (_, i) => ({ file, offset: i * bytes, count: trajectoryStates, reward: random.normal(), validation: false }))
}
