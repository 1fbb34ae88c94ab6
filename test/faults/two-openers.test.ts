/** Two processes on one project, and folders that cannot be written: the second is told, and nothing is changed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { schemaVersion } from '../../src-main/engine/project/migrate.ts'
import { Project } from '../../src-main/engine/project/project.ts'
import { makeHome, type Home } from '../cli/terminal.ts'
import { unpackProject } from './projects.ts'

let home: Home
beforeAll(async () => {
  home = await makeHome()
  unpackProject(schemaVersion, home.path('p'))
})
afterAll(() => home.remove())

const locked = { code: 1, stdout: '', stderr: 'Error: the project is open in another window or terminal; close it there first\n' }

test('a terminal beside an open project, and a restore under it, are told', async () => {
  const project = Project.open(home.path('p'))
  project.backUp()
  expect(await home.cli('data', 'search', 'p', '--dataset', '1', 'question')).toMatchObject(locked)
  expect(await home.cli('project', 'restore', 'p')).toMatchObject(locked)
  expect((await home.cli('project', 'backups', 'p', '--json')).json['backups']).toHaveLength(1) // reads names only
  expect(project.summary().counts.examples).toBe(33)
  project.close()
})

test('a terminal that is killed leaves no lock', async () => {
  const holder = spawn(process.execPath, [join(import.meta.dirname, '..', 'engine', 'open-project.ts'), home.path('p')], { stdio: ['pipe', 'pipe', 'ignore'] })
  onTestFinished(() => void holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  expect(await home.cli('project', 'backup', 'p')).toMatchObject(locked)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  expect(await home.cli('project', 'backup', 'p')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Backup .*request\.db/) })
})

test('the terminal restores what it backed up, and says what became of the rest', async () => {
  const { json: backup } = await home.cli('project', 'backup', 'p', '--json')
  const file = home.path('p', 'project.db')
  const broken = Buffer.concat([readFileSync(file).subarray(0, 8192), Buffer.alloc(9000, 1)])
  writeFileSync(file, broken)
  expect(await home.cli('data', 'search', 'p', '--dataset', '1', 'question')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error: .* is damaged .*There are \d backups, the newest of .* which can be restored\n$/) })
  const { code, json } = await home.cli('project', 'restore', 'p', '--backup', backup['name'] as string, '--json')
  expect({ code, json }).toMatchObject({ code: 0, json: { restored: backup['name'], counts: { examples: 33 } } })
  expect(readFileSync(home.path('p', json['setAside'] as string)).equals(broken)).toBe(true)
  expect(await home.cli('project', 'restore', 'p', '--backup', '../project.db')).toMatchObject({ code: 1, stderr: expect.stringMatching(/there is no backup/) })
})

// root may write everywhere: this is an ordinary user's process
test.skipIf(process.getuid?.() !== 0)('a folder that may only be read is told in a sentence, and nothing is written', async () => {
  const directory = home.path('read-only')
  cpSync(home.path('p'), directory, { recursive: true })
  const before = readdirSync(directory).sort()
  for (const path of [home.directory, directory]) chmodSync(path, 0o755)
  for (const name of before) chownSync(join(directory, name), 0, 0)
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'engine', 'open-project.ts'), directory], { stdio: ['pipe', 'pipe', 'pipe'], uid: 65534, gid: 65534 })
  let stdout = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  await once(child, 'close')
  expect(JSON.parse(stdout)).toMatchObject({ code: 'not-usable', message: expect.stringMatching(/cannot be opened, as this user may not write to it or to its folder/) })
  expect(readdirSync(directory).sort()).toEqual(before)
  expect(existsSync(join(directory, 'project.db-wal'))).toBe(false)
})
