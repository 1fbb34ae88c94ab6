// `npm start`: the app in its window, or where there is no screen the sample project in the terminal.
import { readFileSync, statSync } from 'node:fs'
import { runInForeground } from './child.mjs'
import { runCli } from './cli.mjs'
import { hasDisplay } from './display.mjs'
import { electronPath } from './electron.mjs'
import { inRoot, root } from './paths.mjs'
import { setup } from './setup.mjs'

await setup()
if (await hasDisplay()) {
  process.exitCode = await runInForeground(electronPath, [...sandboxArguments(), '.', ...process.argv.slice(2)], {
    cwd: root,
    env: { ELECTRON_RUN_AS_NODE: undefined, GGML_NO_BACKTRACE: '1' }
  })
} else {
  console.log('There is no display here: running the sample project in the terminal instead of opening the window.')
  process.exitCode = await runCli(['run', inRoot('resources/sample/settings.json')], root)
}

// Chromium refuses to sandbox root's processes. For everybody else the sandbox stays on: where the system
// forbids it, Electron would end with a page of C++, so say here what to do.
function sandboxArguments() {
  if (process.platform !== 'linux') return []
  if (process.getuid() === 0) {
    console.log('Running as root: the window starts without Chromium’s sandbox.')
    return ['--no-sandbox']
  }
  const helper = inRoot('node_modules/electron/dist/chrome-sandbox')
  const { mode, uid } = statSync(helper)
  if (uid === 0 && mode & 0o4000) return []
  const restricted =
    kernelSetting('kernel/apparmor_restrict_unprivileged_userns') === '1' ||
    kernelSetting('kernel/unprivileged_userns_clone') === '0' ||
    kernelSetting('user/max_user_namespaces') === '0'
  if (restricted) {
    console.log('This system restricts Chromium’s sandbox. Should the window not open, run:')
    console.log(`  sudo chown root ${helper} && sudo chmod 4755 ${helper}`)
  }
  return []
}

function kernelSetting(name) {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim()
  } catch {
    return null
  }
}
