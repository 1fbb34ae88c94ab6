import { expect, test } from 'vitest'
import { sentence } from '../../src-renderer/ui/format.ts'

test('what an error says becomes a sentence', () => {
  expect(sentence('there is no project in /here (no project.db)')).toBe('There is no project in /here (no project.db).')
  expect(sentence('the disk is full: 3 MB are missing')).toBe('The disk is full: 3 MB are missing.')
  expect(sentence('It stands already.')).toBe('It stands already.')
})

test('a name that it begins with stays as it is', () => {
  for (const name of ['tiny.gguf', 'llama.cpp', 'iPod', 'a/b', 'q4_0', 'gpt-2']) expect(sentence(`${name} cannot be read`)).toBe(`${name} cannot be read.`)
})
