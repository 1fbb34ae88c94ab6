/** `npm run bench`: measures the parts one after the other; prints a table or one JSON object, and leaves both as files in bench-results/. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { version } from '../../src-main/engine/version.ts'
import { parseBenchArguments, type BenchArguments } from './arguments.ts'
import { busyNeighbours, machine } from './machine.ts'
import { batch } from './parts/batch.ts'
import { collection } from './parts/collection.ts'
import { control } from './parts/control.ts'
import { firstToken } from './parts/first-token.ts'
import { hook } from './parts/hook.ts'
import { memory } from './parts/memory.ts'
import { prefill } from './parts/prefill.ts'
import { search } from './parts/search.ts'
import { training } from './parts/training.ts'
import { windowPart } from './parts/window.ts'
import { reportPage } from './report.ts'
import type { BenchResult, Facts, FinishedPart, Measurement, PartName, PartResult } from './result.ts'
import { openSubject, type Subject } from './subject.ts'
import { resultLines } from './table.ts'
import { targetsOf } from './targets.ts'

/** Hands out every measurement as soon as there is one, so that a part that fails keeps what it has. */
type Part = (subject: Subject, add: (measurement: Measurement) => void) => Promise<Omit<PartResult, 'measurements'>>

const parts: Record<PartName, Part> = { hook, control, collection, training, prefill, 'first-token': firstToken, memory, search, batch, window: windowPart }

const progress = (text: string): void => void process.stderr.write(`${text}\n`)

// an exit has its handlers run, an end by a signal has not; and a signal can come twice, from the terminal and from npm
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

try {
  process.exitCode = await run(parseBenchArguments(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function run({ parts: chosen, json, quick, model, threads }: BenchArguments): Promise<number> {
  const start = performance.now()
  const before = machine()
  const warnings: string[] = []
  const warnIfBusy = async (when: string): Promise<void> => {
    const busy = await busyNeighbours()
    if (busy === null) return
    const warning = `another process took ${busy.toFixed(1)} of ${before.cores} cores ${when}: these figures are not reliable`
    warnings.push(warning)
    progress(`Warning: ${warning}`)
  }

  await warnIfBusy('before the run')
  const subject = await openSubject(model, quick, threads, progress)
  const finished: FinishedPart[] = []
  try {
    for (const name of chosen) {
      finished.push(await runPart(name, subject))
      await warnIfBusy(`after ${name}`)
    }
  } finally {
    subject.close()
  }
  const result: BenchResult = { ...factsOf(subject, before), warnings, seconds: (performance.now() - start) / 1000, targets: targetsOf(finished), parts: finished }
  const files = write(result)
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${resultLines(result).join('\n')}\n`)
  progress(`Written: ${files.join(', ')}`)
  return finished.every(({ failure }) => failure === null) ? 0 : 1
}

async function runPart(name: PartName, subject: Subject): Promise<FinishedPart> {
  const start = performance.now()
  const measurements: Measurement[] = []
  const seconds = (): number => (performance.now() - start) / 1000
  progress(`${name} ...`)
  try {
    return { ...(await parts[name](subject, (measurement) => measurements.push(measurement))), measurements, seconds: seconds(), failure: null }
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error)
    progress(`${name}: ${failure}`)
    return { name, title: name, about: '', measurements, seconds: seconds(), failure }
  }
}

function factsOf(subject: Subject, before: Facts['machine']): Facts {
  const { file, sha256, facts, variant, device, threads, threadMeasurement } = subject
  return {
    date: new Date().toISOString(),
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    studio: version,
    machine: before,
    model: { file, sha256, description: facts.description, stateSize: facts.stateSize, bytes: facts.bytes },
    build: variant.build,
    backend: variant.backend,
    device, threads, threadMeasurement
  }
}

function write(result: BenchResult): string[] {
  const directory = resolve(import.meta.dirname, '..', '..', 'bench-results')
  mkdirSync(directory, { recursive: true })
  const stem = join(directory, `bench-${result.date.slice(0, 19).replaceAll(':', '-')}`)
  writeFileSync(`${stem}.json`, `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(`${stem}.html`, reportPage(result))
  return [`${stem}.json`, `${stem}.html`]
}
