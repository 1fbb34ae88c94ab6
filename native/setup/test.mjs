// `npm test [-- types|imports|vitest|e2e|packaged [arguments of vitest or Playwright]]`: every check, then one line of totals.
// `packaged`, which builds a package and installs it, is run only when it is named.
// `npm run test:soak [-- arguments of vitest]`: what takes hours, test/**/*.soak.ts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runInForeground } from './child.mjs'
import { hasDisplay, startVirtualDisplay } from './display.mjs'
import { electronPath } from './electron.mjs'
import { inRoot, root } from './paths.mjs'
import { setup } from './setup.mjs'
import { countPlaywright, countVitest, crashed } from './test-counts.mjs'

const parts = { types, imports, vitest, e2e }
const onRequest = { packaged, soak }

const [chosen, ...words] = process.argv.slice(2)
const named = { ...parts, ...onRequest }
if (chosen !== undefined && !(chosen in named)) {
  console.error(`Unknown part of the tests: ${chosen}. There are: ${Object.keys(named).join(', ')}.`)
  process.exit(2)
}
await setup({ test: true })
const total = { passed: 0, failed: 0, skipped: 0 }
for (const part of chosen ? [named[chosen]] : Object.values(parts)) {
  const counts = await part(words).catch((error) => {
    console.error(error)
    return crashed
  })
  for (const kind in total) total[kind] += counts[kind]
}
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}`)
process.exit(total.failed === 0 ? 0 : 1)

/** Both at once: each is busy on one core. */
async function types() {
  const [typescript, svelte] = await Promise.all([
    check('Types', 'node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'),
    check(
      'Types of the components',
      'node_modules/svelte-check/bin/svelte-check',
      ...['--tsconfig', './tsconfig.json', '--output', 'human']
    )
  ])
  return { passed: typescript.passed + svelte.passed, failed: typescript.failed + svelte.failed, skipped: 0 }
}

function imports() {
  return check(
    'Imports',
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    ...['--config', '.dependency-cruiser.cjs', 'src-main', 'src-renderer', 'native']
  )
}

/** Unit and engine tests, on the runtime that users have: Electron as node. */
function vitest(further) {
  return runVitest('Vitest', further)
}

/** Kill loops, leaks and load, as long as it takes: RE_CONTROL_SOAK scales it (0.1: a tenth). */
function soak(further) {
  return runVitest('Soak', ['--config', 'test/soak.config.ts', ...further])
}

async function runVitest(title, further) {
  heading(title)
  return counted(countVitest, (report) =>
    runInForeground(
      electronPath,
      ['node_modules/vitest/vitest.mjs', 'run', ...further, '--reporter=default', '--reporter=json', `--outputFile=${report}`],
      { cwd: root, env: { ELECTRON_RUN_AS_NODE: '1', GGML_NO_BACKTRACE: '1' } }
    )
  )
}

/** End to end, in the real window; on a virtual screen where there is none. */
async function e2e(further) {
  return playwright('test/e2e/playwright.config.ts', further)
}

/** The installed package, as its users have it: needs root on Debian or Ubuntu. */
async function packaged(further) {
  return playwright('test/packaged/playwright.config.ts', further)
}

async function playwright(config, further) {
  heading('Playwright')
  const display = (await hasDisplay()) ? null : await startVirtualDisplay()
  try {
    return await counted(countPlaywright, (report) =>
      runInForeground(
        process.execPath,
        [
          'node_modules/@playwright/test/cli.js',
          ...['test', '--config', config, '--reporter=list,json', ...further]
        ],
        {
          cwd: root,
          env: {
            PLAYWRIGHT_JSON_OUTPUT_FILE: report,
            ELECTRON_RUN_AS_NODE: undefined,
            // A Wayland screen that does not answer would be preferred over the virtual one.
            ...(display && { DISPLAY: display.name, WAYLAND_DISPLAY: undefined })
          }
        }
      )
    )
  } finally {
    display?.stop()
  }
}

/** A checker without a count of its own is one test; what it says is printed at its end, as others may run beside it. */
async function check(title, script, ...args) {
  let said = ''
  const code = await runInForeground(process.execPath, [inRoot(script), ...args], { cwd: root, onOutput: (text) => (said += text) })
  heading(title)
  process.stdout.write(said)
  stopIfInterrupted(code)
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
}

/** Runs a test runner and reads its report; a runner that fails without saying what counts as one failure. */
async function counted(count, run) {
  const directory = mkdtempSync(path.join(tmpdir(), 're-control-test-'))
  const report = path.join(directory, 'report.json')
  try {
    const code = await run(report)
    stopIfInterrupted(code)
    const counts = count(readReport(report))
    return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    console.error('The test runner ended without a report.')
    return null
  }
}

function heading(title) {
  console.log(`\n== ${title}`)
}

function stopIfInterrupted(code) {
  if (code === 130 || code === 143) process.exit(code)
}
