// `npm run bench [-- parts] [--json] [--quick] [--model FILE]`: what control, collection and training cost on this machine.
import path from 'node:path'
import { runInForeground } from './child.mjs'
import { electronPath } from './electron.mjs'
import { inRoot } from './paths.mjs'
import { setup } from './setup.mjs'

// stdout is for the result: with --json it is one JSON object
await setup({ stream: process.stderr })
// npm keeps a flag of its own name that comes without `--`, and runs scripts in the checkout
const json = process.env.npm_config_json === 'true' && !process.argv.includes('--json') ? ['--json'] : []
const calledFrom = process.env.npm_lifecycle_event === 'bench' && process.env.INIT_CWD
process.exitCode = await runInForeground(electronPath, [inRoot('test', 'bench', 'main.ts'), ...process.argv.slice(2), ...json], {
  cwd: calledFrom ? path.resolve(calledFrom) : process.cwd(),
  env: { ELECTRON_RUN_AS_NODE: '1', GGML_NO_BACKTRACE: '1' }
})
