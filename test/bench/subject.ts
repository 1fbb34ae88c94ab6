/** The model under measurement in this process, beside the ones in the model hosts: loaded once, with the threads that the app would take. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Context, loadModel, openLibraries, type ContextSettings, type Facts, type Model } from '../../native/llama.ts'
import { findVariant, type Variant } from '../../native/variants.ts'
import { checksumOf } from '../../src-main/engine/models/checksum.ts'
import { PromptRenderer } from '../../src-main/model-host/prompt.ts'
import { bestThreads, measureThreads, type ThreadMeasurement } from '../../src-main/model-host/measure.ts'
import { q4Model } from './model-file.ts'

/** tokens of one step at most, as in the app */
export const batchTokens = 512

export interface Subject {
  file: string
  sha256: string
  model: Model
  facts: Facts
  renderer: PromptRenderer
  variant: Variant
  device: string
  threads: number
  threadMeasurement: ThreadMeasurement[]
  /** the settings of the targets only */
  quick: boolean
  /** a folder that is gone after the run */
  folder: string
  /** says what is being done */
  progress(text: string): void
  context(settings: Omit<ContextSettings, 'threads' | 'batchTokens'>): Context
  close(): void
}

/**
 * @param file null: the sample's model as Q4_0
 * @param given threads; null: as the app would choose them
 */
export async function openSubject(file: string | null, quick: boolean, given: number | null, progress: (text: string) => void): Promise<Subject> {
  const variant = findVariant()
  const { devices } = openLibraries(variant.directory)
  const chosen = file === null ? await q4Model(progress) : resolve(file)
  progress(`Loading ${chosen}`)
  const model = await loadModel(chosen, 0)
  const facts = model.facts()

  const settings = { contextTokens: 1024, sequences: 4, batchTokens, threads: 1 }
  const trial = new Context(model, settings)
  const threadMeasurement = await measureThreads(trial, Math.max(facts.beginToken, 0), settings.sequences)
  trial.free()
  const threads = given ?? bestThreads(threadMeasurement)

  const folder = mkdtempSync(join(tmpdir(), 're-control-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true })) // also after Ctrl-C, see main.ts
  return {
    file: chosen,
    sha256: await checksumOf(chosen, folder),
    model, facts, variant, threads, threadMeasurement, quick, folder, progress,
    renderer: new PromptRenderer(model),
    device: devices[0]?.description ?? 'unknown',
    context: (own) => new Context(model, { ...own, batchTokens, threads }),
    close: () => model.free()
  }
}
