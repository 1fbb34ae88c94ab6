/** What the words that the program was started with mean. */
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { readPurpose } from '../../src-main/app/arguments.ts'

const here = resolve('/home/ada')
const folder = (path: string) => ({ kind: 'window', project: resolve(here, path) })
const nothing = { kind: 'window', project: null }

test.each<[string[], unknown]>([
  [[], nothing],
  [['--no-sandbox', '--user-data-dir=/tmp/x'], nothing],
  [['/data/hh'], folder('/data/hh')],
  [['./hh'], folder('hh')],
  [['.'], folder('.')],
  [['/data/hh/project.db'], folder('/data/hh')],
  [['--disable-gpu', '/data/hh', '--remote-debugging-port=0'], folder('/data/hh')],
  [['project', 'new', 'x'], { kind: 'terminal', words: ['project', 'new', 'x'] }],
  [['cli', 'method', 'list'], { kind: 'terminal', words: ['method', 'list'] }],
  [['cli'], { kind: 'terminal', words: [] }],
  // after `--` nothing is Chromium's, whatever it looks like
  [['--no-sandbox', '--', '--help'], { kind: 'terminal', words: ['--help'] }],
  [['--no-sandbox', '--', 'generate', 'p', '--prompt', '--inspect'], { kind: 'terminal', words: ['generate', 'p', '--prompt', '--inspect'] }],
  [['--'], nothing]
])('%j', (words, purpose) => {
  expect(readPurpose(words, here)).toEqual(purpose)
})
