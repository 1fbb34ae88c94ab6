/** Unfinished files beside their place: those of processes that are gone are removed by the next writer, no others. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { writeWhole } from '../../src-main/engine/data/whole-file.ts'
import { replaceFileSync } from '../../src-main/engine/replace-file.ts'

const directory = mkdtempSync(join(tmpdir(), 're-control-unfinished-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('what a killed process left of this file is removed, what is of others stays', async () => {
  const gone = spawnSync(process.execPath, ['--version'], { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } }).pid
  mkdirSync(join(directory, `rows.csv.${gone}-7.part`))
  writeFileSync(join(directory, `rows.csv.${gone}-7.part`, 'shard'), 'half')
  writeFileSync(join(directory, `rows.csv.${gone}-8.part`), 'half')
  const others = [`rows.csv.${process.ppid}-1.part`, `other.csv.${gone}-1.part`, `rows.csv.notes.part`, `rows.csv.${gone}.part`, 'rows.csv.part']
  for (const name of others) writeFileSync(join(directory, name), 'theirs')
  await writeWhole(join(directory, 'rows.csv'), (put) => put('whole'))
  expect(readdirSync(directory).sort()).toEqual(['rows.csv', ...others].sort())
  writeFileSync(join(directory, `rows.csv.${gone}-9.part`), 'half')
  replaceFileSync(join(directory, 'rows.csv'), 'new')
  expect(readdirSync(directory).sort()).toEqual(['rows.csv', ...others].sort())
  expect(readFileSync(join(directory, 'rows.csv'), 'utf8')).toBe('new')
})
