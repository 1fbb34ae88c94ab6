/** 1,000 generations and 100 loads of the tiny model: resident memory and open files stay where they are after the warm-up. */
import { expect, test } from 'vitest'
import { ownDirectory } from '../engine/studio.ts'
import { growth, measureLeaks } from './leaks.ts'

test.skipIf(process.platform !== 'linux')('1,000 generations and 100 loads', async () => {
  const { generations, loads } = await measureLeaks(ownDirectory(), 50, 20, 100)
  const shown = (numbers: number[]): string => numbers.filter((_, i) => i % Math.ceil(numbers.length / 10) === 0).map((n) => n.toFixed(0)).join(' ')
  console.log(
    [
      `host, MB over 1,000 generations: ${shown(generations.map(({ host }) => host))}`,
      `engine, MB over 1,000 generations: ${shown(generations.map(({ engine }) => engine))}`,
      `engine, MB over 100 loads: ${shown(loads.map(({ engine }) => engine))}`,
      `files of host and engine at the end: ${generations.at(-1)?.hostFiles} and ${loads.at(-1)?.engineFiles}`
    ].join('\n')
  )
  expect(growth(generations.map(({ host }) => host))).toBeLessThan(8)
  expect(growth(generations.map(({ engine }) => engine))).toBeLessThan(20) // the collector's own ups and downs
  expect(growth(loads.map(({ engine }) => engine))).toBeLessThan(20)
  expect(growth(generations.map(({ hostFiles }) => hostFiles))).toBe(0)
  expect(growth(generations.map(({ engineFiles }) => engineFiles))).toBeLessThanOrEqual(1)
  expect(growth(loads.map(({ engineFiles }) => engineFiles))).toBeLessThanOrEqual(1)
}, 3_600_000)
