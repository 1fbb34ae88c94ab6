/** Where a window comes back: only where it can be seen and taken hold of. */
import { expect, test } from 'vitest'
import { shownAt } from '../../src-main/app/shown-at.ts'

const smallest = { width: 900, height: 600 }
const left = { x: 0, y: 0, width: 1920, height: 1080 }
const right = { x: 1920, y: 0, width: 2560, height: 1440 }
const old = { x: 2000, y: 100, width: 2200, height: 1200 }

test('the old place, where its display still is', () => {
  expect(shownAt(old, [left, right], smallest)).toEqual(old)
})

test('nowhere, when the display is gone, or only a corner of the title bar shows', () => {
  expect(shownAt(null, [left], smallest)).toBeNull()
  expect(shownAt(old, [left], smallest)).toBeNull()
  expect(shownAt({ ...old, x: 1850 }, [left], smallest)).toBeNull()
  expect(shownAt({ x: 100, y: -500, width: 1200, height: 800 }, [left], smallest)).toBeNull()
  expect(shownAt({ x: 100, y: 1060, width: 1200, height: 800 }, [left], smallest)).toBeNull()
  expect(shownAt(old, [], smallest)).toBeNull()
})

test('no larger than the display that has most of it, and no smaller than a window may be', () => {
  expect(shownAt({ x: 0, y: 0, width: 4000, height: 3000 }, [left], smallest)).toEqual({ x: 0, y: 0, width: 1920, height: 1080 })
  expect(shownAt({ x: 1500, y: 0, width: 2400, height: 1300 }, [left, right], smallest)).toEqual({ x: 1500, y: 0, width: 2400, height: 1300 })
  expect(shownAt({ x: 0, y: 0, width: 10, height: 10 }, [left], smallest)).toBeNull()
  expect(shownAt({ x: 0, y: 0, width: 200, height: 100 }, [left], smallest)).toEqual({ x: 0, y: 0, width: 900, height: 600 })
})
