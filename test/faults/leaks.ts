/** Memory and files of an engine and its model host over many generations and loads, as the kernel counts them. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { MethodName } from '../../src-main/contract/methods.ts'
import { scoredPrompts, writeRows } from '../engine/studio.ts'
import { descendantsOf, openFiles, residentBytes } from '../fixtures/processes.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

export interface Measured {
  /** MB of resident memory */
  engine: number
  host: number
  engineFiles: number
  hostFiles: number
}

export interface Curves {
  /** one measurement a round of generations, with the same model host throughout */
  generations: Measured[]
  /** one a load; each load is a new model host, so that only the engine's figures are a curve */
  loads: Measured[]
}

const MB = 1e6

/** @param directory an empty folder @param rounds of `perRound` generations each */
export async function measureLeaks(directory: string, rounds: number, perRound: number, loads: number): Promise<Curves> {
  const modelFile = join(directory, 'tiny.gguf')
  writeTinyModel(modelFile)
  const rows = writeRows(join(directory, 'rows.jsonl'), scoredPrompts(perRound))
  mkdirSync(join(directory, 'engine'))
  const child = spawn(process.execPath, [resolve(import.meta.dirname, '..', 'fixtures', 'asked-engine.ts'), join(directory, 'engine')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (method: MethodName, input: unknown): Promise<void> => {
    child.stdin.write(`${JSON.stringify({ id: 1, method, input })}\n`)
    const { value } = (await lines.next()) as { value: string | undefined }
    const reply = JSON.parse(value ?? 'null') as { output?: { state?: string }; failure?: unknown } | null
    if (reply?.output === undefined || (reply.output.state ?? 'done') !== 'done') throw new Error(`${method}: ${value}`)
  }
  const measured = (): Measured => {
    const [host] = descendantsOf(child.pid as number).filter(({ command }) => command.includes('model-host.js'))
    return {
      engine: residentBytes(child.pid as number) / MB,
      engineFiles: openFiles(child.pid as number),
      host: host === undefined ? 0 : residentBytes(host.pid) / MB,
      hostFiles: host === undefined ? 0 : openFiles(host.pid)
    }
  }
  try {
    const device = { device: 'cpu', threads: 1, batchTokens: 128 }
    await ask('device.choose', device)
    await ask('model.choose', { file: modelFile })
    await ask('data.import', { file: rows })
    const curves: Curves = { generations: [], loads: [] }
    for (let round = 0; round < rounds; round++) {
      await ask('collect.start', { dataset: 1, split: null, maxTokens: 16, parallel: 4, seed: round })
      curves.generations.push(measured())
    }
    for (let load = 0; load < loads; load++) {
      await ask('device.choose', device) // unloads
      await ask('model.load', {})
      curves.loads.push(measured())
    }
    return curves
  } finally {
    child.kill('SIGKILL')
  }
}

/** How much the median of the last third is above that of the third before: what goes on growing, after the warm-up. */
export function growth(curve: number[]): number {
  const third = Math.floor(curve.length / 3)
  return median(curve.slice(-third)) - median(curve.slice(-2 * third, -third))
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number
}
