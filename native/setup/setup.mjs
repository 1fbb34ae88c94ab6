// Everything between a fresh checkout and a running app, in order. What is done already is not done again.
import * as addon from './addon.mjs'
import * as app from './app.mjs'
import * as backends from './backends.mjs'
import { Interrupted, SetupFailure } from './command.mjs'
import * as electron from './electron.mjs'
import * as llamaHeaders from './llama-headers.mjs'
import { lockSetup } from './lock.mjs'
import * as packages from './packages.mjs'
import { isStarted } from './paths.mjs'
import { Progress } from './progress.mjs'
import * as systemPackages from './system-packages.mjs'

/** Each has a `title`, `ready(options)`, which is quick, and `prepare(options, report)`. */
const steps = [packages, backends, electron, systemPackages, llamaHeaders, addon, app]

/**
 * Prepares the checkout; ends the process with one line and exit code 1 if that fails.
 * `test`: also what only the tests need. `stream`: where the progress goes.
 */
export async function setup({ test = false, stream = process.stdout } = {}) {
  const options = { test }
  const report = new Progress(stream, steps.length)
  try {
    checkNode()
    const unlock = steps.every((step) => step.ready(options)) ? null : await lockSetup((text) => stream.write(`${text}\n`))
    for (const step of steps) {
      report.begin(step.title)
      if (step.ready(options)) {
        report.ready()
        continue
      }
      await step.prepare(options, report)
      report.done()
    }
    unlock?.()
  } catch (error) {
    report.fail()
    if (error instanceof Interrupted) process.exit(130)
    if (!(error instanceof SetupFailure)) throw error
    console.error(`Set-up failed. ${error.message}`)
    process.exit(1)
  }
}

// What vite and node-llama-cpp ask for; older versions fail later, and less clearly.
function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new SetupFailure(`Node 20.19 or newer is needed, this is ${process.versions.node}. Get it from nodejs.org.`)
}

if (isStarted(import.meta.url)) await setup()
