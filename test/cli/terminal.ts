/** The terminal as a script drives it: the built cli.js on Electron as node, in a home of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { deviceChoice } from '../../src-main/contract/device.ts'
import { sha256Of } from '../../src-main/engine/models/checksum.ts'
import { keepDeviceChoice } from '../../src-main/engine/models/device-choice.ts'
import { rememberBatch, rememberThreads } from '../../src-main/engine/models/measured.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

const entry = resolve(import.meta.dirname, '..', '..', 'out', 'main', 'cli.js')

export interface Result {
  code: number | null
  stdout: string
  stderr: string
  /** stdout as the one JSON object that it must be */
  json: Record<string, any>
}

export interface Home {
  directory: string
  modelFile: string
  path(...names: string[]): string
  cli(...words: string[]): Promise<Result>
  /** The same, to be interrupted. */
  start(...words: string[]): { process: ChildProcess; result: Promise<Result> }
  remove(): void
}

export async function makeHome(): Promise<Home> {
  const directory = mkdtempSync(join(tmpdir(), 're-control-cli-'))
  const path = (...names: string[]): string => join(directory, ...names)
  const env = {
    ...process.env,
    ELECTRON_RUN_AS_NODE: '1',
    HOME: path('home'), XDG_CACHE_HOME: path('cache'), XDG_DATA_HOME: path('data'), LOCALAPPDATA: path('cache'), APPDATA: path('data')
  }
  mkdirSync(path('home'))
  const modelFile = path('tiny.gguf')
  writeTinyModel(modelFile)
  // one thread: no time is lost to measuring
  const measured = { sha256: await sha256Of(modelFile), backend: 'cpu', gpuLayers: 0 } as const
  rememberThreads(path('cache', 're-control-studio'), measured, { chosen: 1, measurement: [{ threads: 1, tokensPerSecond: 1 }] })
  rememberBatch(path('cache', 're-control-studio'), measured, 1, { chosen: 512, measurement: [{ batchTokens: 512, tokensPerSecond: 1 }] })
  keepDeviceChoice(path('data', 're-control-studio'), deviceChoice.parse({ device: 'cpu' })) // the same on every machine
  const start: Home['start'] = (...words) => {
    const child = spawn(process.execPath, [entry, ...words], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk))
    const result = new Promise<Result>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) =>
        resolve({
          code, stdout, stderr,
          get json() {
            return JSON.parse(stdout) as Record<string, any>
          }
        })
      )
    })
    return { process: child, result }
  }
  return {
    directory, modelFile, path, start,
    cli: (...words) => start(...words).result,
    remove: () => rmSync(directory, { recursive: true, force: true })
  }
}
