/** Searching, scrolling and listing a data set of a million examples, through the same call that the window makes. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as others } from 'node:timers/promises'
import { max, median, quantile } from 'simple-statistics'
import { exampleFilter, type ExampleOrder } from '../../../src-main/contract/data.ts'
import { seededRandom } from '../../fixtures/random.ts'
import type { Measurement, PartResult } from '../result.ts'
import { searchProject } from '../search-project.ts'
import { leastRepetitions, spreadOf } from '../statistics.ts'
import type { Subject } from '../subject.ts'

const pageRows = 100
const scrolls = 200
const lists = 50

interface Asked {
  filter: object
  order: ExampleOrder
  offset: number
}

export async function search(subject: Subject, add: (measurement: Measurement) => void): Promise<Omit<PartResult, 'measurements'>> {
  const rows = subject.quick ? 50_000 : 1_000_000
  const { project, dataset, vocabulary, rowsPerSecond } = searchProject(rows, subject.progress)
  const ask = async ({ filter, order, offset }: Asked): Promise<number> => {
    const start = performance.now()
    await project.examples.page({ dataset, filter: exampleFilter.parse(filter), order }, offset, pageRows)
    return performance.now() - start
  }
  const bytes = (name: string): number => statSync(join(project.directory, name)).size / 1e6
  const facts = { rows, 'project.db, MB': bytes('project.db'), 'search.db, MB': bytes('search.db'), ...(rowsPerSecond === null ? {} : { 'rows added a second': rowsPerSecond }) }
  const random = seededRandom(2)
  const whole = { filter: {}, order: 'line' as const }
  try {
    const typed = typedSearches(vocabulary)
    await measure(`a search in ${rows} rows as typed`, 'page and count, 95th percentile', typed.map((words) => ({ ...whole, filter: { search: words }, offset: 0 })), facts)
    await measure(`a search in ${rows} rows as typed`, 'with filters, 95th percentile', typed.map((words, i) => ({ ...whole, filter: { search: words, ...filters[i % filters.length] }, offset: 0 })))
    await measure('browsing', 'a page at a random row, 95th percentile', randomRows(whole))
    await measure('browsing', 'the same of one split and a range of lengths, 95th percentile', randomRows({ ...whole, filter: { split: 'train', minLength: 200, maxLength: 5000 } }))
    await measure('browsing', 'the same in order of length, 95th percentile', randomRows({ ...whole, order: 'longest' }))
    await measure('browsing', 'a rare word in order of length, 95th percentile', vocabulary.slice(20_000, 20_050).map((word) => ({ filter: { search: word }, order: 'shortest' as const, offset: 0 })))
    const listing = Array.from({ length: lists }, () => timedSync(() => void project.datasets.list()))
    add({ group: 'browsing', label: 'the list of data sets', unit: 'ms', spread: spreadOf(listing), details: {}, note: null })
  } finally {
    project.close()
  }
  return {
    name: 'search',
    title: `Searching ${rows.toLocaleString('en-GB')} examples`,
    about:
      `First page (${pageRows} rows) and count of data.examples, from a project with made-up preference pairs, its words and lengths distributed as in HH-RLHF. ` +
      'Searches grow letter by letter as somebody types them, common and rare words, several words and phrases. ' +
      'Each value is the 95th percentile of one round; the longest that anybody else waited is the largest delay of the event loop, in which the engine answers all other questions.'
  }

  function randomRows(asked: Omit<Asked, 'offset'>): Asked[] {
    return Array.from({ length: scrolls }, () => ({ ...asked, offset: Math.floor(random.uniform() * rows * 0.6) }))
  }

  async function measure(group: string, label: string, asked: Asked[], more: Record<string, number> = {}): Promise<void> {
    subject.progress(`search: ${label}`)
    const rounds: number[] = []
    const all: number[] = []
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    for (let round = 0; round < leastRepetitions; round++) {
      const times: number[] = []
      for (const one of asked) {
        await others() // as between two messages of a window
        times.push(await ask(one))
      }
      rounds.push(quantile(times, 0.95))
      all.push(...times)
    }
    delay.disable()
    const details = { 'median, ms': median(all), 'longest, ms': max(all), 'longest that others waited, ms': delay.max / 1e6, asked: all.length, ...more }
    add({ group, label, unit: 'ms', spread: spreadOf(rounds), details, note: null })
  }
}

const filters = [{ split: 'held-out' }, { answers: 'pair' }, { minLength: 300, maxLength: 900 }, { duplicates: 'first', split: 'train' }]

/** Every beginning of what somebody may look for, letter by letter; 300 or so. */
function typedSearches(vocabulary: string[]): string[] {
  const [common, known, seldom, rare] = [20, 300, 4000, 40_000].map((rank) => vocabulary.slice(rank, rank + 5)) as [string[], string[], string[], string[]]
  const wanted = [
    'the assistant', 'how do you', 'what can i do about my car', '"the human"', '"do you want to" help', 'nowhereatall', 'money',
    ...[0, 1, 2, 3].flatMap((i) => [`${common[i]} ${known[i]}`, `${seldom[i]} ${common[i]}`, `${rare[i]}`, `"${known[i]} ${common[i]}"`, `${known[i]} ${seldom[i]} ${rare[i]}`])
  ]
  return wanted.flatMap((words) => Array.from({ length: words.length }, (_, i) => words.slice(0, i + 1)))
}

function timedSync(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}
