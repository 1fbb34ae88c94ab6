/** Model hosts that hang or are left alone, by the process table; how a process ended, in words. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { collectSettings } from '../../src-main/contract/collect.ts'
import { describeExit, describeUtilityExit, isCrash } from '../../src-main/engine/models/exit-reason.ts'
import { makeHome } from '../cli/terminal.ts'
import { drawn, openStudio, scoredPrompts, writeRows } from '../engine/studio.ts'
import { descendantsOf, processTable, stillThere, untilGone, type ProcessEntry } from '../fixtures/processes.ts'

const linux = process.platform === 'linux'

afterEach(() => void vi.useRealTimers())

describe.skipIf(!linux)('a model host', () => {
  const hosts = () => descendantsOf(process.pid).filter(({ command }) => command.includes('model-host.js'))

  async function collecting() {
    const studio = await openStudio({ embedding: 128, layers: 4 })
    const dataset = await studio.importRows(scoredPrompts(12))
    const sampled = new Promise<void>((resolve) => studio.on('collect.sample', () => resolve()))
    const job = studio.engine.jobs.start('collect', collectSettings.parse({ dataset, maxTokens: 200, parallel: 2, sampling: drawn }))
    await sampled
    return { studio, job }
  }

  // the patience is 15 s: the test goes there by the clock and waits for nothing
  test('that is stopped (SIGSTOP) holds up neither stop nor quit: it is ended, and what was collected is kept', async () => {
    const { studio, job } = await collecting()
    const [host] = hosts()
    process.kill(host!.pid, 'SIGSTOP')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const stopped = studio.engine.jobs.stop(job.id)
    await vi.advanceTimersByTimeAsync(15_000)
    vi.useRealTimers()
    expect(await stopped).toMatchObject({ state: 'stopped', failure: null })
    expect(studio.project.collections.get(job.subject ?? 1).responses).toBeGreaterThan(0)
    await untilGone([host!])
    await studio.close()
    expect(hosts()).toEqual([])
  })

  test('that hangs when one request is cancelled fails the others as dead, so that they go on with a new one', async () => {
    const { studio, job } = await collecting()
    const host = await studio.engine.models.use(studio.project)
    const [process_] = hosts()
    process.kill(process_!.pid, 'SIGSTOP')
    const abort = new AbortController()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const cancelled = host.request('render', { prompt: { text: 'x' } }, { signal: abort.signal }).catch((error: unknown) => error)
    abort.abort()
    await vi.advanceTimersByTimeAsync(15_000)
    vi.useRealTimers()
    expect(await cancelled).toMatchObject({ code: 'cancelled' })
    expect(host.alive).toBe(false)
    expect(await studio.engine.jobs.finished(job.id)).toMatchObject({ state: 'done', done: 12 })
    expect(studio.hosts()).toBe(2)
    expect(studio.events.some(({ event, payload }) => event === 'notice' && /did not stop within 15 s and was ended/.test(JSON.stringify(payload)))).toBe(true)
    await studio.close()
  })

  test('ends with a terminal that is killed, stopped or not, and so does a program of the person\'s own; no zombie is left', async () => {
    const home = await makeHome()
    const killed = async (words: string[], below: (terminal: number) => ProcessEntry[], before: NodeJS.Signals | null = null): Promise<void> => {
      const { process: terminal, result } = home.start(...words)
      await once(terminal.stderr!, 'data') // its job is under way
      let left: ProcessEntry[] = []
      await expect.poll(() => (left = below(terminal.pid as number)).length, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0)
      if (before !== null) for (const { pid } of left) process.kill(pid, before)
      terminal.kill('SIGKILL')
      await result
      await untilGone(left)
      expect(stillThere(left)).toEqual([])
      expect(processTable().filter(({ parent, state }) => parent === process.pid && state === 'Z')).toEqual([])
    }
    try {
      const rows = writeRows(home.path('rows.jsonl'), scoredPrompts(40))
      await home.cli('project', 'new', home.path('p'), '--model', home.modelFile)
      await home.cli('data', 'import', home.path('p'), rows)
      const hostsBelow = (terminal: number) => descendantsOf(terminal).filter(({ command }) => command.includes('model-host.js'))
      const collect = ['collect', home.path('p'), '--dataset', '1', '--max-tokens', '400']
      await killed(collect, hostsBelow)
      await killed(collect, hostsBelow, 'SIGSTOP') // it sees no end of its channel
      // neither the program nor what it starts looks at its stdin
      const { json } = await home.cli('collect', home.path('p'), '--dataset', '1', '--limit', '4', '--max-tokens', '4', '--json')
      const program = resolve(import.meta.dirname, '..', 'fixtures', 'score-program.mjs')
      const words = [process.execPath, '--arguments', program, '--arguments', 'with-child', '--arguments', home.path('pids')]
      await killed(['reward', home.path('p'), '--collection', String(json['collection']), '--source', 'program', '--command', ...words], () => {
        const pids = existsSync(home.path('pids')) ? readFileSync(home.path('pids'), 'utf8').split(' ').map(Number) : []
        return processTable().filter(({ pid }) => pids.includes(pid))
      })
    } finally {
      home.remove()
    }
  }, 180_000)
})

describe('how a process ended', () => {
  test.each<[NodeJS.Signals, RegExp, boolean]>([
    ['SIGKILL', /^was killed by SIGKILL/, false],
    ['SIGTERM', /^was ended by SIGTERM/, false],
    ['SIGABRT', /^aborted/, true],
    ['SIGSEGV', /^crashed/, true]
  ])('%s', async (signal, words, crash) => {
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("x"); setInterval(() => {}, 1000)'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    child.kill(signal)
    const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    expect(describeExit(code, by)).toMatch(words)
    expect(isCrash(describeExit(code, by))).toBe(crash)
  })

  test('an exit is no crash', () => {
    expect(describeExit(0, null)).toBe('ended by itself')
    expect(describeExit(3, null)).toBe('ended with exit code 3')
  })

  // measured: Electron gives a utility process's signal as its code
  test.skipIf(process.platform === 'win32')('of a utility process', () => {
    expect([0, 1, 3, 6, 9, 11, 15].map((code) => describeUtilityExit(code).split(' ')[0])).toEqual(['ended', 'ended', 'ended', 'aborted', 'was', 'crashed', 'was'])
    expect(describeUtilityExit(1)).toBe('ended with exit code 1')
  })
})
