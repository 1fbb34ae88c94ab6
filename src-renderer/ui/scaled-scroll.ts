/**
 * Scrolling through more pixels than an element can be high: Chromium stops at 2^25 device pixels, which on a screen of four
 * device pixels a pixel are 8.4 million. A longer list is `tallest` high; its scroll bar points at a share of the rows.
 */
export const tallest = 8_000_000

/** Pixels of all rows together, and of what is seen of them at once. */
export interface Extent {
  all: number
  view: number
}

export function heightOf({ all }: Extent): number {
  return Math.min(all, tallest)
}

/** The rows' offset that a scroll bar at `top` points at. */
export function offsetAt(extent: Extent, top: number): number {
  const range = heightOf(extent) - extent.view
  return range <= 0 ? 0 : (Math.min(top, range) / range) * (extent.all - extent.view)
}

/** Where the scroll bar stands for an offset of the rows. */
export function topAt(extent: Extent, offset: number): number {
  const range = extent.all - extent.view
  return range <= 0 ? 0 : (offset / range) * (heightOf(extent) - extent.view)
}

/** A scroll bar that is dragged by one pixel moves a list of the full height by more than this; a wheel or a finger by less. */
const drag = 2000

/** The rows' offset after the scroll bar moved to `top` by `step`: wheels and fingers move rows by the pixels that they say. */
export function offsetAfter(extent: Extent, offset: number, top: number, step: number): number {
  const scaled = extent.all > tallest
  return scaled && Math.abs(step) < drag ? clamped(extent, offset + step) : offsetAt(extent, top)
}

export function clamped({ all, view }: Extent, offset: number): number {
  return Math.max(0, Math.min(all - view, offset))
}
