/** Where the window was and how large its contents were, for the next start. */
import { type BrowserWindow, type Rectangle, screen } from 'electron'
import { join } from 'node:path'
import { z } from 'zod'
import { dataDirectory } from '../engine/directories.ts'
import { keep, readKept } from '../engine/kept-json.ts'
import { shownAt } from './shown-at.ts'

const side = z.int().min(-100_000).max(100_000)
const windowState = z.object({
  bounds: z.object({ x: side, y: side, width: side, height: side }).nullable().default(null),
  maximized: z.boolean().default(false),
  /** Chromium's level: 0 is 100 %, each step 20 % */
  zoom: z.number().min(-8).max(9).default(0)
})
type WindowState = z.infer<typeof windowState>

export const firstSize = { width: 1280, height: 840 }
export const smallest = { width: 900, height: 600 }
const saveAfterMs = 500

const file = (): string => join(dataDirectory(), 'window.json')

export function readWindowState(): WindowState & { place: Partial<Rectangle> } {
  const state = readKept(file(), windowState, windowState.parse({}))
  const areas = screen.getAllDisplays().map(({ workArea }) => workArea)
  return { ...state, place: shownAt(state.bounds, areas, smallest) ?? firstSize }
}

/** Writes what changes, once the person lets go. */
export function keepWindowState(window: BrowserWindow): void {
  let timer: NodeJS.Timeout | null = null
  const save = (): void => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (window.isDestroyed()) return
    keep(file(), { bounds: window.getNormalBounds(), maximized: window.isMaximized(), zoom: window.webContents.getZoomLevel() } satisfies WindowState)
  }
  const soon = (): void => {
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(save, saveAfterMs)
  }
  for (const event of ['resize', 'move', 'maximize', 'unmaximize'] as const) window.on(event as 'resize', soon)
  window.on('close', save)
}
