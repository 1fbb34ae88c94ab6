/** The figures that the project holds itself to (TinyLlama as Q4_0, two cores, D = 2048), against what was measured. */
import type { FinishedPart, PartName, Target } from './result.ts'
import type { Spread } from './statistics.ts'
import { detailText } from './words.ts'

interface Figure {
  figure: string
  sense: Target['sense']
  limit: number
  part: PartName
  group: string
  label: string
}

const oneLayer = 'one hidden layer, H = 2048'
const twoLayers = 'two hidden layers, H = 2048 + 1024'
const figures: Figure[] = [
  { figure: 'controlled / base step, one hidden layer H = 2048, n = 30, 1 row', sense: 'at most', limit: 1.04, part: 'control', group: oneLayer, label: '1 row, n = 30' },
  { figure: 'the same with n = 200', sense: 'at most', limit: 1.06, part: 'control', group: oneLayer, label: '1 row, n = 200' },
  { figure: 'the same at 16 rows, n = 30', sense: 'at most', limit: 1.05, part: 'control', group: oneLayer, label: '16 rows, n = 30' },
  { figure: 'two hidden layers 2048 + 1024, n = 30, 1 row', sense: 'at most', limit: 1.3, part: 'control', group: twoLayers, label: '1 row, n = 30' },
  { figure: 'collection / bare batched decoding, 16 rows', sense: 'at most', limit: 1.05, part: 'collection', group: 'time of a collection over bare decoding', label: '16 rows' },
  { figure: 'training D = H = 2048, batch 512, states/s', sense: 'at least', limit: 12000, part: 'training', group: oneLayer, label: 'this program' },
  { figure: 'training, speed over PyTorch', sense: 'at least', limit: 1, part: 'training', group: 'speed over PyTorch', label: oneLayer },
  { figure: 'hook present, no control, 1 row', sense: 'no more than noise above', limit: 1, part: 'hook', group: 'step time with the hook over without', label: '1 row' },
  { figure: 'hook present, no control, 16 rows', sense: 'no more than noise above', limit: 1, part: 'hook', group: 'step time with the hook over without', label: '16 rows' },
  { figure: 'a search in 1,000,000 rows as typed, 95th percentile, ms', sense: 'at most', limit: 50, part: 'search', group: 'a search in 1000000 rows as typed', label: 'page and count, 95th percentile' },
  { figure: 'start-up until it can be used / that of a bare Electron window', sense: 'at most', limit: 1.5, part: 'window', group: 'start-up', label: 'studio over a bare window' },
  { figure: '100 tokens/s into four panes, longest frame, ms', sense: 'at most', limit: 50, part: 'window', group: 'streaming into four panes', label: 'longest frame, 100 tokens/s together' },
  { figure: 'scrolling 1,000,000 rows, median frame, ms', sense: 'at most', limit: 17, part: 'window', group: 'scrolling 1000000 rows, 3 rows a frame', label: 'median frame' },
  { figure: 'processor time a second at rest, ms', sense: 'at most', limit: 20, part: 'window', group: 'at rest', label: 'processor time a second' }
]

/** Those of the parts that were run. */
export function targetsOf(parts: readonly FinishedPart[]): Target[] {
  return figures
    .filter((figure) => parts.some(({ name }) => name === figure.part))
    .map(({ figure, sense, limit, part, group, label }) => {
      const measurements = parts.find(({ name }) => name === part)?.measurements ?? []
      const found = measurements.find((m) => m.group === group && m.label === label)
      const measured = found?.spread ?? null
      const met = measured === null ? null : isMet(measured, sense, limit)
      return { figure, sense, limit, measured, met, where: met === false && found !== undefined ? [detailText(found.details), ...(found.note === null ? [] : [found.note])].join('; ') : null }
    })
}

/** The median decides; within noise means that the limit is not below the lower quartile. */
function isMet({ median, low }: Spread, sense: Target['sense'], limit: number): boolean {
  if (sense === 'at least') return median >= limit
  return (sense === 'at most' ? median : low) <= limit
}
