/** The benchmark's own arithmetic and pages; what it measures is not tested here. */
import { describe, expect, test } from 'vitest'
import { parseBenchArguments } from '../bench/arguments.ts'
import { spreadChart } from '../bench/charts.ts'
import { interleave } from '../bench/interleave.ts'
import { reportPage } from '../bench/report.ts'
import { partNames, type BenchResult, type FinishedPart, type Measurement } from '../bench/result.ts'
import { ratios, spreadOf } from '../bench/statistics.ts'
import { resultLines } from '../bench/table.ts'
import { targetsOf } from '../bench/targets.ts'

describe('arguments', () => {
  test('no words are all parts, words are theirs in the order of the benchmark', () => {
    expect(parseBenchArguments([])).toEqual({ parts: [...partNames], json: false, quick: false, model: null, threads: null })
    expect(parseBenchArguments(['training', 'control', '--json', '--quick', '--model', 'a.gguf'])).toEqual({ parts: ['control', 'training'], json: true, quick: true, model: 'a.gguf', threads: null })
    expect(parseBenchArguments(['--threads', '2']).threads).toBe(2)
  })

  test.each([[['speed'], /Unknown part of the benchmark: speed\. There are: hook, control/], [['--fast'], /--fast/], [['--model'], /--model/], [['--threads', '0'], /--threads takes a whole number/]])('%j is refused', (words, reason) => {
    expect(() => parseBenchArguments(words)).toThrow(reason)
  })
})

describe('statistics', () => {
  test('median, quartiles, ends and number', () => {
    expect(spreadOf([5, 1, 4, 2, 3])).toEqual({ median: 3, low: 2, high: 4, least: 1, most: 5, count: 5 })
  })

  test('fewer than five repetitions, or one that is no number, are no measurement', () => {
    expect(() => spreadOf([1, 2, 3, 4])).toThrow(RangeError)
    expect(() => spreadOf([1, 2, 3, 4, NaN])).toThrow(RangeError)
  })

  test('a ratio is taken round by round, so that a slow round counts once', () => {
    // the machine is ten times slower in the last two rounds; the variant takes twice the time in all of them
    expect(ratios([2, 4, 6, 20, 40], [1, 2, 3, 10, 20])).toEqual({ median: 2, low: 2, high: 2, least: 2, most: 2, count: 5 })
    expect(() => ratios([1, 1, 1, 1, 1], [1, 1, 1, 1])).toThrow(RangeError)
  })
})

describe('rounds', () => {
  const run = async (seconds: number, most: number): Promise<{ calls: string[]; times: number[][] }> => {
    const calls: string[] = []
    const variant = (name: string, time: number) => (round: number) => Promise.resolve(calls.push(`${name}${round}`)).then(() => time)
    return { times: await interleave([variant('a', 1), variant('b', 2)], { seconds, most }), calls }
  }

  test('every variant once a round, beginning with another each time, five rounds at least', async () => {
    const { calls, times } = await run(0, 0)
    expect(calls).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2', 'b3', 'a3', 'a4', 'b4'])
    expect(times).toEqual([[1, 1, 1, 1, 1], [2, 2, 2, 2, 2]])
  })

  test('no more than asked for', async () => {
    expect((await run(1000, 7)).times.map(({ length }) => length)).toEqual([7, 7])
  })
})

const measurement = (changes: Partial<Measurement>): Measurement => ({
  group: 'one hidden layer, H = 2048', label: '1 row, n = 30', unit: 'ratio', details: {}, note: null,
  spread: { median: 1.03, low: 1.02, high: 1.05, least: 1, most: 1.1, count: 9 }, ...changes
})
const part = (changes: Partial<FinishedPart>): FinishedPart => ({ name: 'control', title: 'Control', about: 'About it.', measurements: [], seconds: 3, failure: null, ...changes })
const spread = (median: number, low = median, high = median) => ({ median, low, high, least: low, most: high, count: 5 })

describe('targets', () => {
  const of = (one: FinishedPart, figure: RegExp) => targetsOf([one]).find((target) => figure.test(target.figure))

  test('only those of the parts that ran', () => {
    expect(targetsOf([])).toEqual([])
    expect(targetsOf([part({ name: 'memory' })])).toEqual([])
    expect(targetsOf([part({})]).map(({ met }) => met)).toEqual([null, null, null, null])
  })

  test.each([[1.04, true], [1.041, false]])('the median decides: %d', (median, met) => {
    const target = of(part({ measurements: [measurement({ spread: spread(median), details: { 'base, ms': 60, 'the ascent alone, ms': 2.5 } })] }), /n = 30, 1 row/)
    expect(target?.met).toBe(met)
    expect(target?.where).toBe(met ? null : 'base, ms 60; the ascent alone, ms 2.5')
  })

  test.each([[12000, true], [11999, false]])('%d states/s', (median, met) => {
    const one = part({ name: 'training', measurements: [measurement({ label: 'this program', unit: 'states/s', spread: spread(median) })] })
    expect(of(one, /states\/s/)?.met).toBe(met)
  })

  test.each([[1.02, 0.99, true], [1.02, 1.01, false], [0.98, 0.97, true]])('the hook costs nothing when 1 is within the noise: %d from %d', (median, low, met) => {
    const one = part({ name: 'hook', measurements: [measurement({ group: 'step time with the hook over without', label: '1 row', spread: spread(median, low) })] })
    expect(of(one, /hook present.* 1 row/)?.met).toBe(met)
  })
})

describe('the pages', () => {
  const result: BenchResult = {
    date: '2025-01-02T03:04:05.678Z', command: 'npm run bench -- control', studio: '0.1.0',
    machine: { processor: 'A <fast> one', cores: 2, memoryGB: 8, system: 'linux 6 x64', load: [0.1, 0.2, 0.3] },
    model: { file: '/models/a.gguf', sha256: 'abc', description: 'llama 1B Q4_0', stateSize: 2048, bytes: 6e8 },
    build: 'b1', backend: 'cpu', device: 'CPU', threads: 2, threadMeasurement: [{ threads: 1, tokensPerSecond: 10 }, { threads: 2, tokensPerSecond: 18 }],
    warnings: ['another process took 1.0 of 2 cores'], seconds: 90, targets: [],
    parts: [part({ measurements: [measurement({}), measurement({ label: '16 rows, n = 200', spread: null, note: 'not repeated: its first step took 9.0 s' })], failure: 'it <stopped>' })]
  }
  const whole = { ...result, targets: targetsOf(result.parts) }

  test('the report has every figure and its spread, escapes what it is given, and needs nothing else', () => {
    const page = reportPage(whole)
    for (const text of ['1.030', '1.020 to 1.050', '1.000 to 1.100', 'not repeated: its first step took 9.0 s', 'another process took 1.0', 'A &lt;fast&gt; one', 'it &lt;stopped&gt;', 'at most 1.040']) {
      expect(page).toContain(text)
    }
    expect(page).not.toMatch(/<fast>|<script|https?:|NaN|undefined/)
  })

  test('the terminal has the same figures', () => {
    const lines = resultLines(whole)
    expect(lines.find((line) => line.includes('one hidden layer, H = 2048: 1 row, n = 30'))).toMatch(/1\.030 {2}1\.020 to 1\.050 +9/)
    expect(lines.find((line) => line.includes('16 rows, n = 200'))).toMatch(/not measured .*took 9\.0 s/)
    expect(lines).toContain('  Stopped: it <stopped>')
    expect(lines.find((line) => line.startsWith('controlled / base step'))).toMatch(/at most 1\.040 +1\.030 +met/)
  })
})

describe('the chart', () => {
  const dots = (chart: { text: string } | null): number[] => [...(chart?.text ?? '').matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x))
  const ratio = (median: number) => measurement({ spread: spread(median) })

  test('larger is further to the right, within the frame', () => {
    for (const medians of [[1, 1.01, 1.04], [0.6, 1, 1.2], [1.02, 3, 40], [0.01, 1, 900]]) {
      const places = dots(spreadChart(medians.map(ratio)))
      expect(places).toEqual([...places].sort((a, b) => a - b))
      expect(new Set(places).size).toBe(medians.length)
      expect(places.every((x) => x >= 250 && x <= 670)).toBe(true)
    }
  })

  test('amounts begin at nothing: twice as much is twice as far', () => {
    const [one = 0, two = 0] = dots(spreadChart([1000, 2000].map((median) => measurement({ unit: 'MB', spread: spread(median) }))))
    expect(two - 250).toBeCloseTo(2 * (one - 250), 6)
  })

  test('nothing measured is no chart', () => {
    expect(spreadChart([measurement({ spread: null })])).toBeNull()
  })
})
