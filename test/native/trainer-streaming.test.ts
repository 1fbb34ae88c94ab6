/** States are read as they are needed: files may be far larger than memory, and may be cut while they are read. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { Trainer, type Trajectory } from '../../native/trainer.ts'
import { base, epochs, prepared } from '../fixtures/reference-trainer.ts'

const folder = mkdtempSync(join(tmpdir(), 're-control-streaming-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('memory does not grow with the file', { timeout: 120_000 }, async () => {
  const [file, inputDim, count, trajectories] = [join(folder, 'large.f16'), 1024, 200, 1500]
  writeFileSync(file, '')
  truncateSync(file, inputDim * 2 * count * trajectories) // 614 MB, and no room on the disk
  const script = join(import.meta.dirname, '..', 'fixtures', 'train-large-file.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, file, ...[inputDim, count, trajectories].map(String)])
  const { states, grown } = JSON.parse(stdout) as { states: number; grown: number }
  expect(states).toBe((count * trajectories * 4) / 5)
  expect(grown).toBeLessThan(100e6)
})

test('a file that is cut while it is trained on gives an error that names it, and the process lives', async () => {
  const file = join(folder, 'cut.f16')
  const [D, count] = [64, 20]
  writeFileSync(file, Buffer.alloc(100 * count * D * 2))
  const trajectories = Array.from({ length: 100 }, (_, i): Trajectory => ({ reward: i % 3, validation: false, file, offset: i * count * D * 2, count }))
  const trainer = await prepared({ ...base, inputDim: D, batchStates: 100 }, trajectories)
  await epochs(trainer, 1)
  const before = await trainer.predict()
  truncateSync(file, 12_345)
  const cut = { code: 'unreadable', message: expect.stringMatching(/cut\.f16 ended at byte 12345, trajectory \d+ needs bytes \d+ to \d+: it was cut while it was read$/) }
  await expect(trainer.epoch()).rejects.toThrow(expect.objectContaining(cut))
  await expect(trainer.predict()).rejects.toThrow(expect.objectContaining(cut))
  // whole again: it goes on
  truncateSync(file, 100 * count * D * 2)
  expect((await trainer.epoch()).states).toBe(100 * count)
  expect(await trainer.predict()).not.toEqual(before)
})

test('the states are read off this thread, and reading them can be cancelled', async () => {
  const file = join(folder, 'long.f16')
  const [D, count, trajectories] = [512, 100, 2000]
  writeFileSync(file, '')
  truncateSync(file, D * 2 * count * trajectories)
  const trainer = new Trainer({ ...base, inputDim: D }, Array.from({ length: trajectories }, (_, i): Trajectory => ({ reward: i % 3, validation: false, file, offset: i * count * D * 2, count })))
  let ended = false
  const preparing = trainer.prepare().finally(() => (ended = true))
  for (const use of ['prepare', 'epoch', 'layers'] as const) expect(() => trainer[use]()).toThrow(/the preparation is running/)
  await new Promise(setImmediate)
  expect(ended).toBe(false)
  trainer.cancel()
  await expect(preparing).rejects.toMatchObject({ code: 'cancelled' })
  expect(() => trainer.layers()).toThrow(/prepare or restore it first/)
})
