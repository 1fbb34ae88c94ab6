// The terminal's commands in a checkout: `npm run cli -- <command>`.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { addonPath } from './addon.mjs'
import { cliPath } from './app.mjs'
import { runInForeground } from './child.mjs'
import { electronPath } from './electron.mjs'
import { isStarted } from './paths.mjs'
import { setup } from './setup.mjs'

/** Runs the commands on Electron as node, the runtime that users have; resolves with the exit code. */
export async function runCli(args, cwd) {
  return runInForeground(electronPath, [cliPath, ...args], {
    cwd,
    // On a crash ggml would otherwise start a debugger to print a backtrace.
    env: { ELECTRON_RUN_AS_NODE: '1', GGML_NO_BACKTRACE: '1' }
  })
}

if (isStarted(import.meta.url)) {
  // A command must start quickly and keep stdout for its result: no check beyond these three files.
  if (![cliPath, electronPath, addonPath].every((file) => existsSync(file))) await setup({ stream: process.stderr })
  // npm runs scripts in the checkout and names the user's own folder in INIT_CWD.
  const calledByNpm = process.env.npm_lifecycle_event === 'cli' && process.env.INIT_CWD
  process.exitCode = await runCli(process.argv.slice(2), calledByNpm ? path.resolve(process.env.INIT_CWD) : process.cwd())
}
