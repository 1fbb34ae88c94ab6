/**
 * The package as people have it: an older version is installed with apt and used, this checkout's is installed over it, an
 * ordinary user runs the sample project in its window, and what removing it leaves is what belongs to the user.
 */
import { expect, test } from '@playwright/test'
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { homedir, tmpdir } from 'node:os'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import manifest from '../../package.json' with { type: 'json' }
import { apt, buildDeb, closeWindow, folder, installedVersion, listeningPorts, openWindow, packageName, program, root, startScreen, withVersion } from './installed.ts'
import { Person } from './person.ts'

const megabyte = 1_000_000
// the bytes in Electron's program
const fuseOn = '1'.charCodeAt(0)
const fuseOff = '0'.charCodeAt(0)
const impossible = process.platform !== 'linux' || process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0

test.skip(impossible, 'installing a deb needs root on Debian or Ubuntu')
test.describe.configure({ mode: 'serial' })

let deb = ''
let person: Person
let screen: { name: string; stop: () => void }
const scratch = mkdtempSync(join(tmpdir(), 're-control-packaged-'))
const inHome = (...parts: string[]): string => join(person.home, ...parts)

test.beforeAll(async () => {
  if (existsSync(folder)) throw new Error(`${folder} is there already: this test installs and removes it`)
  deb = buildDeb()
  person = new Person()
  person.give(join(homedir(), '.cache', packageName, 'models', 'tinyllama-1.1b-chat-iq2_xxs.gguf'))
  screen = await startScreen()
})

test.afterAll(() => {
  person?.remove()
  screen?.stop()
  if (existsSync(folder)) apt('purge', packageName)
  rmSync(scratch, { recursive: true, force: true })
})

test('the deb is small enough, and holds this platform\'s libraries only', () => {
  expect(statSync(deb).size).toBeLessThan(130 * megabyte)
  const { stdout } = spawnSync('dpkg-deb', ['--contents', deb], { encoding: 'utf8', maxBuffer: 64 * megabyte })
  const variants = new Set([...stdout.matchAll(/@node-llama-cpp\/([^/\s]+)\//g)].map(([, name]) => name))
  expect([...variants]).toEqual([`linux-${process.arch}`])
  for (const left of ['default_app.asar', 'llama-common', 'llama-addon', '.js.map']) expect(stdout).not.toContain(left)
  expect([...stdout.matchAll(/prebuilds\/(\S+)\.node/g)].map(([, name]) => name)).toEqual([`linux-${process.arch}`])
  const [, names] = /^([0-9a-f]{64}) {2}(.*\.deb)$/m.exec(readFileSync(join(root, 'dist', 'SHA256SUMS'), 'utf8'))?.slice(1) ?? []
  expect(deb.endsWith(names ?? 'nothing')).toBe(true)
})

test('an older version is installed, and a person keeps a project in it', () => {
  const older = join(scratch, 'older.deb')
  withVersion(deb, '0.0.1', older)
  apt('install', older)
  expect(installedVersion()).toBe('0.0.1')
  expect(person.run('re-control-studio', ['project', 'new', 'kept', '--json'])).toMatchObject({ code: 0 })
  writeFileSync(join(scratch, 'rows.jsonl'), '{"prompt":"How was your day?"}\n{"prompt":"What is for dinner?"}\n')
  spawnSync('chmod', ['-R', 'a+rX', scratch])
  const imported = person.run('re-control-studio', ['data', 'import', 'kept', join(scratch, 'rows.jsonl'), '--json'])
  expect(JSON.parse(imported.output)).toMatchObject({ imported: 2 })
})

test('this version is installed over it, and the terminal has the words of a checkout', () => {
  apt('install', deb)
  expect(installedVersion()).toBe(manifest.version)
  // by its word, and by the script that the archive has beside the program
  for (const word of ['re-control-studio', join(folder, 're-control-studio.sh')]) expect(person.run(word, ['--version'])).toEqual({ code: 0, output: `${manifest.version}\n`, errors: '' })
  expect(person.run('re-control-studio', ['--help']).output).toContain('re-control-studio <command>')
  const unknown = person.run('re-control-studio', ['nonsense'])
  expect(unknown).toEqual({ code: 1, output: '', errors: 'Error: there is no command "nonsense"; --help lists them\n' })
  const devices = JSON.parse(person.run('re-control-studio', ['device', 'list', '--json']).output) as { candidates: { backend: string; usable: boolean }[] }
  expect(devices.candidates.find(({ backend }) => backend === 'cpu')?.usable).toBe(true)
  // as root, in a container, without a screen
  const asRoot = spawnSync('re-control-studio', ['method', 'list', '--json'], { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: scratch } })
  expect(JSON.parse(asRoot.stdout)).toMatchObject({ methods: expect.arrayContaining([expect.objectContaining({ name: 're-control' })]) })
})

test('a model generates in the terminal, in a process of its own', () => {
  const { code, output, errors } = person.run('re-control-studio', ['generate', 'kept', '--method', 'base', '--prompt', 'How was your day?', '--max-tokens', '4', '--json'])
  expect(errors).not.toContain('Error')
  expect(code).toBe(0)
  expect(JSON.parse(output)).toMatchObject({ responses: [{ tokens: expect.any(Array) }] })
})

test('further backends are offered, found where they are fetched to, removed again, and those of another llama.cpp are refused', () => {
  const offered = (): { id: string; state: string }[] => (JSON.parse(person.run('re-control-studio', ['device', 'backends', '--json']).output) as { backends: { id: string; state: string }[] }).backends
  if (process.arch === 'x64') expect(offered().map(({ id, state }) => [id, state])).toEqual([['cuda', 'absent'], ['cuda-ext', 'absent'], ['vulkan', 'absent']])
  test.skip(!existsSync(join(root, 'node_modules', '@node-llama-cpp', 'linux-x64-vulkan')), 'there are no Vulkan libraries for this machine')
  const backends = inHome('.cache', packageName, 'backends')
  cpSync(join(root, 'node_modules', '@node-llama-cpp', 'linux-x64-vulkan'), join(backends, 'linux-x64-vulkan'), { recursive: true })
  const other = join(backends, 'linux-x64-cuda', 'bins', 'linux-x64-cuda')
  mkdirSync(other, { recursive: true })
  writeFileSync(join(other, '_nlcBuildMetadata.json'), '{"buildOptions":{"llamaCpp":{"release":"v0.0.1"}}}')
  spawnSync('chown', ['-R', `${person.name}:`, inHome('.cache')])
  const { candidates } = JSON.parse(person.run('re-control-studio', ['device', 'list', '--json']).output) as { candidates: { backend: string; reason: string }[] }
  const reasonOf = (name: string): string | undefined => candidates.find(({ backend }) => backend === name)?.reason
  expect(reasonOf('cuda')).toMatch(/^not usable: .* holds llama\.cpp v0\.0\.1, and this program is for v/)
  expect(reasonOf('vulkan')).not.toMatch(/^not (installed|usable)/)
  expect(offered().map(({ id, state }) => [id, state])).toEqual([['cuda', 'outdated'], ['cuda-ext', 'absent'], ['vulkan', 'fetched']])
  for (const id of ['cuda', 'vulkan']) expect(person.run('re-control-studio', ['device', 'remove', id]).code).toBe(0)
  expect(readdirSync(backends)).toEqual([])
})

test('the fuses are set, and what is off is off', async () => {
  const fuses = await getCurrentFuseWire(program)
  const expected: [FuseV1Options, boolean][] = [
    [FuseV1Options.RunAsNode, false],
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable, false],
    [FuseV1Options.EnableNodeCliInspectArguments, false],
    [FuseV1Options.EnableCookieEncryption, true],
    [FuseV1Options.OnlyLoadAppFromAsar, true],
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation, true],
    [FuseV1Options.GrantFileProtocolExtraPrivileges, false]
  ]
  for (const [fuse, on] of expected) expect(fuses[fuse], FuseV1Options[fuse]).toBe(on ? fuseOn : fuseOff)

  const marker = inHome('ran')
  const script = join(scratch, 'intruder.cjs')
  writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`)
  person.run('re-control-studio', ['--version'], { NODE_OPTIONS: `--require=${script}` })
  person.run(program, ['--no-sandbox', '--ozone-platform=headless', '--', '--version'], { ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: `--require=${script}` })
  expect(existsSync(marker)).toBe(false)
  expect(person.run(program, ['--no-sandbox', '--ozone-platform=headless', '--inspect=0', '--', '--version']).errors).not.toContain('Debugger listening')
})

test('the window: the project from before, another one from outside, the sample to a steered answer; sandboxed, and nothing asked of the network', async () => {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    response.end('version: 99.0.0\nfiles: []\npath: none\nsha512: none\n')
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  // as if the package had been built with an address for new versions
  const updates = join(folder, 'resources', 'app-update.yml')
  const type = join(folder, 'resources', 'package-type')
  writeFileSync(type, 'deb')
  writeFileSync(updates, `provider: generic\nurl: http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`)
  try {
    person.run('re-control-studio', ['project', 'new', 'other'])
    const opened = await openWindow(person, screen.name, [inHome('kept')])
    const { page } = opened
    await expect(page).toHaveTitle(/^kept/)
    await page.getByRole('navigation').getByRole('button', { name: /^Data/ }).click()
    await expect(page.getByText('How was your day?').first()).toBeVisible()

    await test.step('a project named on a second start is opened by the running app', async () => {
      expect(person.run('re-control-studio', [inHome('other', 'project.db')], { DISPLAY: screen.name }).code).toBe(0)
      await expect(page).toHaveTitle(/^other/)
    })

    await test.step('pages are in a sandbox, and nothing listens but the port of this test', () => {
      const pages = person.processes('--type=renderer')
      expect(pages.length).toBeGreaterThan(0)
      for (const pid of pages) {
        expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Seccomp:\s+2$/m)
        expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('--no-sandbox')
        expect(readlinkSync(`/proc/${pid}/ns/user`)).not.toBe(readlinkSync('/proc/self/ns/user'))
      }
      expect(listeningPorts(person.processes(program))).toEqual([opened.port])
    })
    await closeWindow(opened)

    await sampleProject()
    expect(requests).toEqual([]) // looking for new versions is off

    await test.step('switched on, it asks once at the start, and fetches nothing by itself', async () => {
      const data = inHome('.local', 'share', packageName)
      writeFileSync(join(data, 'updates.json'), '{"atStart":true}')
      const again = await openWindow(person, screen.name, [])
      await expect.poll(() => requests.length).toBeGreaterThan(0)
      await expect(again.page.getByRole('button', { name: 'Open the sample project' })).toBeVisible()
      expect(requests.map((url) => url.replace(/\?.*/, ''))).toEqual(['/latest-linux.yml'])
      person.processes(program).forEach((pid) => process.kill(pid, 'SIGKILL')) // its question waits for an answer
      await again.browser.close()
    })
  } finally {
    for (const file of [updates, type]) rmSync(file, { force: true })
    server.close()
  }
})

/** From the start screen to a steered answer. */
async function sampleProject(): Promise<void> {
  const opened = await openWindow(person, screen.name, [])
  const { page } = opened
  const go = (stage: string): Promise<void> => page.getByRole('navigation').getByRole('button', { name: new RegExp(`^${stage}`) }).click()
  const done = (title: RegExp): Promise<void> => expect(page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: title }).first()).toContainText('Done', { timeout: 300_000 })
  await page.getByRole('button', { name: 'Open the sample project' }).click()
  await go('Data')
  await expect(page.getByText('248 train')).toBeVisible()
  await go('Collect')
  await page.getByLabel('Limit, prompts').fill('12')
  await page.getByLabel('Max tokens').fill('8')
  await page.getByRole('button', { name: 'Start collecting' }).click()
  await done(/Collect/)
  await go('Reward')
  await page.getByRole('button', { name: /^Tone/ }).click()
  await page.getByRole('button', { name: 'Label', exact: true }).click()
  await done(/Label/)
  await go('Train')
  await page.getByLabel('Hidden width').fill('64')
  await page.getByLabel('Epochs').fill('2')
  await page.getByRole('main').getByRole('button', { name: 'Train', exact: true }).click()
  await done(/Train/)
  await go('Chat')
  await page.getByRole('textbox', { name: 'Prompt for all panes' }).fill('How was your day?')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('article').last().getByText(/tokens, (ended|cut)/)).toHaveCount(2, { timeout: 300_000 })
  await closeWindow(opened)
}

test('removed, nothing is left but what belongs to the person', () => {
  apt('remove', packageName)
  expect(existsSync(folder)).toBe(false)
  const left = spawnSync('find', ['/usr', '/etc', '/opt', '/var/lib/dpkg/alternatives', '-xdev', '-iname', '*re-control-studio*', '-not', '-path', '/usr/src/*'], { encoding: 'utf8' }).stdout
  expect(left).toBe('')
  expect(person.processes('re-control-studio')).toEqual([])
  expect(readdirSync(inHome('kept'))).toContain('project.db')
  expect(existsSync(inHome('.local', 'share', packageName, 'sample', 'project.db')) || readdirSync(inHome('.local', 'share', packageName)).length > 0).toBe(true)
})
