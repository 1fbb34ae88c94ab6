/** A training that goes on from what another has saved ends with the same bits as one that was never interrupted. */
import { describe, expect, test } from 'vitest'
import { Trainer, type EpochResult, type TrainerConfig } from '../../native/trainer.ts'
import { base, epochs, inline, prepared, randomNumbers, randomTrajectories } from '../fixtures/reference-trainer.ts'

const D = 64
const config: TrainerConfig = { ...base, inputDim: D, hiddenDims: [96, 40], batchStates: 60, standardise: true, threads: 2, clipNorm: 1, warmupSteps: 30, weightDecay: 0.01 }
const trajectories = randomTrajectories(Array.from({ length: 150 }, (_, i) => 1 + ((i * 7) % 40)), D, randomNumbers(41)).map((t, i) => inline(t, i % 5 === 0))
const total = 6

async function end(trainer: Trainer, before: EpochResult[]) {
  const curve = [...before, ...(await epochs(trainer, total - before.length))]
  return { curve, layers: trainer.layers(), predicted: await trainer.predict(), mean: trainer.mean, scale: trainer.scale }
}

function restored(saved: Uint8Array, changes: Partial<TrainerConfig> = {}): Trainer {
  const trainer = new Trainer({ ...config, ...changes }, trajectories)
  trainer.restore(saved)
  return trainer
}

/** Runs an epoch but cancels it after `milliseconds`; null when it was. */
async function epochCancelledAfter(trainer: Trainer, milliseconds: number): Promise<EpochResult | null> {
  const running = trainer.epoch().catch((error: Error & { code?: string }) => {
    if (error.code !== 'cancelled') throw error
    return null
  })
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  trainer.cancel()
  return running
}

describe('goes on to the bit', () => {
  const whole = prepared(config, trajectories).then((trainer) => end(trainer, []))

  test.each([0, 1, 4])('after %i epochs, with any number of threads', async (count) => {
    const first = await prepared(config, trajectories)
    const curve = await epochs(first, count)
    expect(await end(restored(first.save(), { threads: 1 }), curve)).toEqual(await whole)
  })

  test('in the middle of an epoch, again and again', async () => {
    let trainer = await prepared(config, trajectories)
    const curve: EpochResult[] = []
    let interrupted = 0
    while (curve.length < total) {
      const result = await epochCancelledAfter(trainer, 1 + (interrupted % 3))
      if (result !== null) curve.push(result)
      else interrupted++
      trainer = restored(trainer.save())
    }
    expect(interrupted).toBeGreaterThan(0)
    expect(await end(trainer, curve)).toEqual(await whole)
  })

  test('and a cancelled trainer itself goes on, too, a batch at least', async () => {
    const trainer = await prepared(config, trajectories)
    const curve: EpochResult[] = []
    let calls = 0
    for (; curve.length < total; calls++) {
      const result = await epochCancelledAfter(trainer, 0)
      if (result !== null) curve.push(result)
    }
    expect(calls).toBeGreaterThan(total)
    expect(await end(trainer, curve)).toEqual(await whole)
  })
})

describe('refuses', () => {
  const saved = prepared(config, trajectories).then((trainer) => trainer.save())

  test('what is damaged at any place, cut, longer or no checkpoint at all', async () => {
    const bytes = await saved
    const random = randomNumbers(42)
    for (let i = 0; i < 50; i++) {
      const damaged = bytes.slice()
      damaged[Math.floor(((random() + 1) / 2) * bytes.length)]! ^= 1 << (i % 8)
      expect(() => restored(damaged)).toThrow('the checkpoint is damaged')
    }
    for (const wrong of [bytes.subarray(0, bytes.length - 1), bytes.subarray(0, 10), new Uint8Array(0), new Uint8Array([...bytes, 0])]) {
      expect(() => restored(wrong)).toThrow('the checkpoint is damaged')
    }
    expect(() => restored('bytes' as never)).toThrow(TypeError)
  })

  test('that of other settings or other data, and stays as it was', async () => {
    const bytes = await saved
    for (const changes of [{ seed: 8 }, { learningRate: 2e-3 }, { batchStates: 61 }, { hiddenDims: [40, 96] }, { clipNorm: null }, { standardise: false }]) {
      expect(() => restored(bytes, changes)).toThrow(/other settings or other data/)
    }
    const others = new Trainer(config, trajectories.map((t, i) => (i === 3 ? { ...t, reward: t.reward + 1 } : t)))
    expect(() => others.restore(bytes)).toThrow(/other settings or other data/)
    expect(() => others.layers()).toThrow(/prepare or restore it first/)
  })
})
