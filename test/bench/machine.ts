/** The machine that the figures are of, and whether it has anything else to do. */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Machine } from './result.ts'

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    load: loadavg().map((load) => Number(load.toFixed(2)))
  }
}

const watchedMs = 500
const tolerated = 0.1

/** Looks while this program rests. @returns what the others take of the machine, in cores, or null where that is next to nothing */
export async function busyNeighbours(): Promise<number | null> {
  const before = coreTimes()
  await pause(watchedMs)
  const after = coreTimes()
  const busy = ((after.busy - before.busy) / (after.all - before.all)) * cpus().length
  return busy > tolerated ? busy : null
}

function coreTimes(): { busy: number; all: number } {
  const times = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({ busy: user + nice + sys + irq, all: user + nice + sys + irq + idle }))
  return { busy: times.reduce((sum, core) => sum + core.busy, 0), all: times.reduce((sum, core) => sum + core.all, 0) }
}
