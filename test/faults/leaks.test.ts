/** What leaks is seen over 60 generations and 9 loads already where it is a file, a process or a context; see leaks.soak.ts for the rest. */
import { expect, test } from 'vitest'
import { ownDirectory } from '../engine/studio.ts'
import { growth, measureLeaks } from './leaks.ts'

test.skipIf(process.platform !== 'linux')('60 generations and 9 loads leave no file open and no context behind', async () => {
  const { generations, loads } = await measureLeaks(ownDirectory(), 12, 5, 9)
  expect(growth(generations.map(({ hostFiles }) => hostFiles))).toBe(0)
  expect(growth(generations.map(({ engineFiles }) => engineFiles))).toBeLessThanOrEqual(1)
  expect(growth(loads.map(({ engineFiles }) => engineFiles))).toBeLessThanOrEqual(1)
  // a context of 16384 tokens of the tiny model has 4 MB
  expect(growth(generations.map(({ host }) => host))).toBeLessThan(16)
}, 120_000)
