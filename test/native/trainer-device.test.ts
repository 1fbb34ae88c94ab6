/** Training through ggml's graph, on its processor or the device named by RE_CONTROL_TEST_DEVICE: the curve of the trainer's own code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Trainer, type EpochResult, type TrainerConfig } from '../../native/trainer.ts'
import type { TrainCheckpoint, TrainEvent, TrainInput } from '../../src-main/model-host/messages/train.ts'
import { train } from '../../src-main/model-host/train.ts'
import { base, epochs, inline, prepared, randomNumbers, randomTrajectories, relativeError } from '../fixtures/reference-trainer.ts'
import { openTestDevice, testDevice } from '../fixtures/test-device.ts'

beforeAll(openTestDevice)

/** Other devices may multiply in float16 or TF32. */
const within = testDevice === 'CPU' ? 1e-4 : 2e-2
const D = 24
const config: TrainerConfig = { ...base, inputDim: D, hiddenDims: [40], batchStates: 60, standardise: true, clipNorm: 1, warmupSteps: 10, weightDecay: 0.01 }
const trajectories = randomTrajectories(Array.from({ length: 60 }, (_, i) => 1 + ((i * 7) % 20)), D, randomNumbers(41)).map((t, i) => inline(t, i % 5 === 0))
const missing = 'GPU9'

function expectCurve(actual: EpochResult[], expected: EpochResult[]): void {
  expect(actual.length).toBe(expected.length)
  actual.forEach((epoch, i) => {
    const other = expected[i]!
    expect(epoch.states).toBe(other.states)
    for (const key of ['trainLoss', 'validationLoss', 'returnError'] as const) expect(Math.abs(epoch[key] / other[key] - 1)).toBeLessThan(within)
    expect(Math.abs(epoch.correlation - other.correlation)).toBeLessThan(within)
  })
}

describe.each([
  { hiddenDims: [40] },
  { hiddenDims: [40, 24], objective: 'full-gradient' as const },
  { hiddenDims: [40], standardise: false, clipNorm: null, warmupSteps: 0 }
])('%o', (changes) => {
  test('the curve, the layers and the predictions are those of the processor\'s own code', async () => {
    const [own, other] = [await prepared({ ...config, ...changes }, trajectories), await prepared({ ...config, ...changes, device: testDevice }, trajectories)]
    const expected = await epochs(own, 8)
    expect(expected.at(-1)!.trainLoss).toBeLessThan(expected[0]!.trainLoss)
    expectCurve(await epochs(other, 8), expected)
    other.layers().forEach(({ weight, bias }, l) => {
      expect(relativeError(weight, own.layers()[l]!.weight)).toBeLessThan(within)
      expect(relativeError(bias, own.layers()[l]!.bias)).toBeLessThan(within)
    })
    expect(relativeError(await other.predict(), await own.predict())).toBeLessThan(within)
  })
})

test.each([[testDevice, testDevice], [testDevice, null], [null, testDevice]])('what was saved on %s goes on on %s', async (from, to) => {
  const whole = await epochs(await prepared({ ...config, device: from }, trajectories), 6)
  const first = await prepared({ ...config, device: from }, trajectories)
  const before = await epochs(first, 3)
  expectCurve(before, whole.slice(0, 3))
  const second = new Trainer({ ...config, device: to }, trajectories)
  second.restore(first.save())
  expectCurve(await epochs(second, 3), whole.slice(3))
})

test('a loss that is not finite is named', async () => {
  const trainer = await prepared({ ...config, device: testDevice, learningRate: 1e30, clipNorm: null, warmupSteps: 0 }, trajectories)
  await expect(epochs(trainer, 3)).rejects.toMatchObject({ code: 'not-finite', message: expect.stringMatching(/is not finite in epoch 1, batch 2/) })
})

test('a device that is not there is refused, by prepare and by restore', async () => {
  const failure = { code: 'device-failed', message: expect.stringMatching(/there is no device 'GPU9' here/) }
  const saved = (await prepared(config, trajectories)).save()
  const trainer = new Trainer({ ...config, device: missing }, trajectories)
  await expect(trainer.prepare()).rejects.toMatchObject(failure)
  expect(() => trainer.restore(saved)).toThrow(expect.objectContaining(failure))
  expect(() => new Trainer({ ...config, device: 1 as never }, trajectories)).toThrow(TypeError)
})

describe('the model host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trainer-device-test-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const input = (): TrainInput => {
    const file = join(folder, 'states')
    const random = randomNumbers(5)
    const [count, responses] = [6, 40]
    const states = Float16Array.from({ length: responses * count * D }, () => random())
    writeFileSync(file, Buffer.from(states.buffer))
    return {
      network: { inputDim: D, hiddenDims: [32] }, objective: 'semi-gradient', learningRate: 3e-3, weightDecay: 0, clipNorm: null, warmupSteps: 0, batchStates: 64,
      epochs: 6, patience: 0, standardise: true, seed: 1, checkpoint: null,
      trajectories: Array.from({ length: responses }, (_, i) => ({ file, offset: i * count * D * 2, count, reward: states[((i + 1) * count - 1) * D]!, validation: i % 4 === 3 }))
    }
  }

  async function run(device: string | null, of: TrainInput, signal = new AbortController().signal, onEvent: (event: TrainEvent) => void = () => {}) {
    const events: TrainEvent[] = []
    const output = await train(of, device, (event) => {
      events.push(event)
      onEvent(event)
    }, signal)
    return { ...output, events, told: events.flatMap((event) => (event.kind === 'epoch' ? [event.epoch] : [])) }
  }

  test('tells where it trained', async () => {
    const [own, other] = [await run(null, input()), await run(testDevice, input())]
    expect([own.trainedOn, other.trainedOn]).toEqual(['CPU', testDevice])
    other.curve.forEach(({ trainLoss }, i) => expect(Math.abs(trainLoss / own.curve[i]!.trainLoss - 1)).toBeLessThan(within))
  })

  test('trains on the processor where the device cannot, and says why', async () => {
    const { trainedOn, curve, events, told } = await run(missing, input())
    expect(trainedOn).toBe('CPU')
    expect(events[0]).toMatchObject({ kind: 'started-over', reason: expect.stringMatching(/^there is no device 'GPU9' here, .*; it goes on on the processor$/) })
    expect(curve).toEqual((await run(null, input())).curve)
    expect(told).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('and from the checkpoint that it had', async () => {
    const abort = new AbortController()
    let checkpoint: TrainCheckpoint | null = null
    const stopped = run(null, input(), abort.signal, (event) => {
      if (event.kind === 'epoch' && event.epoch === 3) abort.abort()
      if (event.kind === 'checkpoint') checkpoint = event.checkpoint
    })
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
    const { curve, told, trainedOn } = await run(missing, { ...input(), checkpoint })
    expect(trainedOn).toBe('CPU')
    expect(told).toEqual([1, 2, 3, 4, 5, 6])
    expect(curve).toEqual((await run(null, input())).curve)
  })
})
