import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { searchable, searchTerms, tokenCategories } from '../../src-main/engine/project/search-words.ts'

describe('what is typed as terms of the index', () => {
  test.each([
    ['money', ['"money"*']],
    ['  two   words ', ['"words"*', '"two"*']],
    ['"in the middle" of', ['"in the middle"', '"of"*']],
    ['"still op', ['"still op"*']],
    ['a assistant as', ['"assistant"*']],
    ['cat cat', ['"cat"*']],
    ['NEAR(a b) OR -x ^y {z}:w*', ['"NEAR(a"*', '"{z}:w*"*', '"b)"*', '"OR"*', '"-x"*', '"^y"*']],
    ['', []],
    ['" % ... "" -', []],
    ['猫が😀', ['" 猫  が  😀 "*']]
  ])('%j', (typed, terms) => expect(searchTerms(typed).map(({ expression }) => expression)).toEqual(terms))
})

describe('a search', () => {
  const db = new Database(':memory:')
  const texts = [
    'The quick brown fox, it\'s quick!', 'A naïve CAFÉ in the café\u0301', 'cafeteria "the end" of it', 'snake_case and 100% sure', '日本語のテキスト です', 'great😀 👩‍🚀 ❤️ day',
    'ÄPFEL straße', 'שלום עולם', 'हिन्दी में', 'OR AND NOT NEAR', '', '... --- !!!', 'the 1000 ends', 'ไทย text', 'e\u0301cole a\0b'
  ]
  beforeAll(() => {
    db.exec(`CREATE VIRTUAL TABLE texts USING fts5(text, content='', columnsize=0, prefix='1', tokenize="unicode61 remove_diacritics 2 categories '${tokenCategories}'")`)
    texts.forEach((text, i) => db.prepare('INSERT INTO texts (rowid, text) VALUES (?, ?)').run(i, searchable(text)))
  })
  afterAll(() => void db.close())

  const found = (search: string): number[] =>
    searchTerms(search).reduce((left, { expression }) => {
      const ids = new Set(db.prepare('SELECT rowid FROM texts WHERE texts MATCH ?').pluck().all(expression) as number[])
      return left.filter((i) => ids.has(i))
    }, texts.map((_, i) => i))

  test.each([
    ['cafe', [1, 2]], ['CAFÉ', [1, 2]], ['"cafe"', [1]], ['the end', [2, 12]], ['"the end"', [2]], ['"the en', [2]], ['"the e" of', []],
    ['it\'s', [0]], ['100%', [3, 12]], ['snake_c', [3]], ['本', [4]], ['日本', [4]], ['本日', []], ['テキ', [4]], ['😀', [5]], ['❤', [5]], ['🚀', [5]], ['apfel', [6]],
    ['של', [7]], ['हिन्', [8]], ['near or', [9]], ['ไท', [13]], ['ecole', [14]], ['nowhere', []], ['%', texts.map((_, i) => i)]
  ])('for %j', (search, expected) => expect(found(search)).toEqual(expected))

  test('of any text whatever is no error', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: fc.constantFrom(...'"*^:(){}+-\\\'\0aé日😀 \ud83d'), maxLength: 20 })), (search) => void found(search)), { numRuns: 2000 })
  })

  // a slow reading of the same rule: words of letters and numbers without accents; a word is a beginning, quotes are a phrase
  const wordsOf = (text: string): string[] => searchable(text).normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase().match(/[\p{L}\p{N}\p{M}\p{So}]+/gu) ?? []
  const holds = (words: string[], phrase: string[], open: boolean): boolean =>
    words.some((_, at) => phrase.every((word, i) => (open && i === phrase.length - 1 ? (words[at + i] ?? '').startsWith(word) : words[at + i] === word)))
  const slowly = (search: string): number[] => {
    const parts = search.split('"')
    const terms = parts.flatMap((part, i): { phrase: string[]; open: boolean }[] =>
      i % 2 === 0 ? part.split(/\s+/).map((word) => ({ phrase: wordsOf(word), open: true })) : [{ phrase: wordsOf(part), open: i === parts.length - 1 }])
    return texts.flatMap((text, i) => (terms.every(({ phrase, open }) => phrase.length === 0 || holds(wordsOf(text), phrase, open)) ? [i] : []))
  }

  test('finds what reading every text finds', () => {
    const pieces = ['the', 'th', 'e', 'End', 'caf', 'é', 'É', 'quick', 'it\'s', ' ', ' ', ' ', '"', '"', '日', '本語', 'の', '😀', '100', '%', '_', 'case', 'ends', 'OR', '.', '\t', 'שלום', 'sn']
    fc.assert(fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (typed) => void expect(found(typed.join(''))).toEqual(slowly(typed.join('')))), { numRuns: 3000 })
  })
})
