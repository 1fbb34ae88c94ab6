/** How long the soak is, and its seed: RE_CONTROL_SOAK=0.1 makes a tenth of it, RE_CONTROL_SOAK_SEED repeats one. */
import { randomInt } from 'node:crypto'
import { afterAll } from 'vitest'

const scale = Number(process.env['RE_CONTROL_SOAK'] ?? 1)

export const soakSeed = Number(process.env['RE_CONTROL_SOAK_SEED'] ?? randomInt(1e6))

export const times = (full: number): number => Math.max(1, Math.round(full * scale))

const lines: string[] = []

/** A line of what was done, said at the end together with the seed. */
export function report(line: string): void {
  lines.push(line)
  process.stdout.write(`  ${line}\n`)
}

afterAll(() => {
  process.stdout.write(`Soak, seed ${soakSeed}: ${lines.join('; ')}\n`)
})
