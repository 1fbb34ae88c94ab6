import fc from 'fast-check'
import { data } from 'franc-min/data.js'
import { describe, expect, test } from 'vitest'
import { toFailure } from '../../src-main/contract/errors.ts'
import type { Verdict } from '../../src-main/engine/reward/source.ts'
import { rules } from '../../src-main/engine/reward/rules.ts'
import { limited } from '../../src-main/engine/reward/rules/limited.ts'
import { phrasesIn } from '../../src-main/engine/reward/rules/phrases.ts'
import { toneOf } from '../../src-main/engine/reward/tone.ts'
import { alone, toScore, verdictsOf } from '../fixtures/score.ts'

const verdicts = (lines: string[], texts: string[]): Promise<Verdict[]> => verdictsOf(rules, { rules: lines }, texts.map((text) => toScore(text)))
/** A reward, or the failure. */
const reward = async (lines: string | string[], text: string): Promise<number | string> => {
  const [verdict] = await verdicts([lines].flat(), [text])
  return 'value' in verdict! ? verdict.value : verdict!.failure
}
const english = 'The capital of France is Paris, which lies on the Seine and has about two million inhabitants today.'

describe('words', () => {
  test.each([
    ['count words sorry', 'Sorry, so SORRY; sorrysorry, sorrythat, sor ry', 2],
    ['count words sorry, unfortunately', 'Sorry. Unfortunately, unfortunately.', 3],
    ['has words sorry', 'sorry sorry', 1],
    ['has words sorry', 'a sorryful day', 0],
    ["count words I'm afraid", 'I’m afraid, i\'m\n  afraid, I am afraid', 2],
    ['count words straße', 'Die STRAßE, Hauptstraße, straße.', 2],
    ['count words é', 'e\u0301 é ée\u0301', 2], // composed or not
    ['count words no', 'no_one no-one no. ño nó noé', 2],
    ['count words c++, .net', 'C++, C+++ and .NET; x.net', 4],
    ['count words of course, course', 'of course', 1],
    ['count words 抱歉', '很抱歉,我不能', 1], // no borders in a script without spaces
    ['count words кот', 'кот и котёнок', 1],
    ["count words homme, can", "l'homme can’t", 2],
    ['count words a.c', 'abc a.c', 1],
    ['count words $&, (x', 'a $& b (x', 2],
    ['has words anything', '', 0]
  ])('%s in %j', async (rule, text, value) => {
    expect(await reward(`1 ${rule}`, text)).toBe(value)
  })

  test.each([
    'I’m sorry, but I can’t help with that.',
    "I'm sorry, but I cannot assist you with this request.",
    'As an AI, I have no opinion.',
    'I am not comfortable discussing this.',
    'I WILL NOT PROVIDE instructions.',
    "I don't feel comfortable sharing that."
  ])('a refusal: %s', async (text) => expect(await reward('1 has refusal', text)).toBe(1))

  test.each(["I can't wait to see you!", 'You cannot help it.', 'Ask an airline.', 'I cannot believe how good it was.', ''])('no refusal: %s', async (text) => {
    expect(await reward('1 has refusal', text)).toBe(0)
  })

  test('toxicity counts words, in any case, and not those around them', async () => {
    expect(await reward('1 count toxicity', 'You IDIOT. Shut up, you stupid bastard!')).toBe(4)
    expect(await reward('1 count toxicity', 'Scunthorpe, Dickens, a cocktail, classic analysis; hello, shellfish. Kill the process. Essex.')).toBe(0)
  })
})

describe('a regular expression', () => {
  test.each([
    ['has /step \\d+/i', 'STEP 12', 1],
    ['has /step \\d+/', 'STEP 12', 0],
    ['count /l/', 'hello', 2],
    ['count /l/g', 'hello', 2],
    ['has /l/g', 'hello', 1],
    ['count /^- /m', '- a\n- b\nc - d', 2],
    ['count /x*/', 'ab', 3], // as String.match counts: one match of nothing at each place
    ['has /x*/', '', 1],
    ['has /^(?!.*sorry)/s', 'not at all', 1],
    ['has /^(?!.*sorry)/s', 'line\nsorry', 0],
    ['count /a\\/b/', 'a/b', 1],
    ['count /a/b/', 'a/b', 1], // up to the last slash
    ['count /./u', '😊', 1],
    ['count /./', '😊', 2],
    ['count /[\\p{L}--[a-z]]/v', 'aéb', 1],
    ['has / /', 'a b', 1]
  ])('%s in %j', async (rule, text, value) => {
    expect(await reward(`1 ${rule}`, text)).toBe(value)
    expect(await verdicts([`1 ${rule}`], [text, text])).toEqual([{ value }, { value }]) // nothing is remembered from text to text
  })

  test('that backtracks for ever fails this response, with the reason, and the next one is scored', async () => {
    const [bad, good] = await verdicts(['1 tone', '2 has /(a+)+$/', '1 length words'], ['a'.repeat(60) + '!', 'great aaa'])
    expect(bad).toEqual({ failure: 'rule 2, 2 has /(a+)+$/: it took longer than 250 ms' })
    expect(good).toEqual({ value: 1.5 + 2 + 2 })
  })

  test('that does so in a row ends the labelling, and says which rule', async () => {
    const evil = 'a'.repeat(60) + '!'
    const told: Verdict[] = []
    const scorer = await rules.open({ rules: ['1 tone', '1 has /(a+)+$/'] }, alone())
    // four, one in time, then five
    const texts = [evil, evil, evil, evil, 'fine', evil, evil, evil, evil, evil, 'fine']
    const ended = await scorer.score(texts.map((text) => toScore(text)), (_item, verdict) => told.push(verdict)).catch(toFailure)
    expect(ended).toMatchObject({ code: 'bad-request', message: expect.stringMatching(/^rule 2, 1 has .* on 5 responses in a row/) })
    expect(told.map((verdict) => 'failure' in verdict)).toEqual([true, true, true, true, false, true, true, true, true])
  })

  test('the time limit lets what a work throws through, and works again afterwards', () => {
    const own = new Error('mine')
    expect(() => limited(1000, () => { throw own })).toThrow(own)
    expect(limited(20, () => { for (;;); })).toBe(false)
    let ran = false
    expect(limited(1000, () => { ran = true })).toBe(true)
    expect(ran).toBe(true)
  })
})

describe('length', () => {
  test.each([
    ['words', 'one two  three', 3],
    ['characters', 'añ😊 ', 4],
    ['sentences', 'One. Two! Three? ... \n', 3],
    ['words over 2', 'one two three', 1],
    ['words over 3', 'one two three', 0],
    ['words over 4', 'one two three', 0],
    ['words under 4', 'one two three', 1],
    ['characters under 10', '', 10],
    ['words between 2 and 3', 'one two three', 1],
    ['words between 3 and 3', 'one two three', 1],
    ['words between 4 and 5', 'one two three', 0],
    ['words', '', 0]
  ])('%s of %j', async (rule, text, value) => expect(await reward(`1 length ${rule}`, text)).toBe(value))
})

describe('format', () => {
  const fenced = (...blocks: string[]): string => `Here you are:\n\n${blocks.map((block) => '```json\n' + block + '\n```').join('\nand\n')}\nDone`
  test.each([
    ['json', '{"a": [1, 2]}', 1],
    ['json', ' \n[]\n', 1],
    ['json', fenced('{"a": 1}'), 1],
    ['json', fenced('{"a": 1'), 0],
    ['json', fenced('{}', '{}'), 0], // which one?
    ['json', '```\r\n{}\r\n```\r\n', 1],
    ['json', '```\n{}', 0],
    ['json', 'Sure: {"a": 1}', 0],
    ['json', '42', 0],
    ['json', '"text"', 0],
    ['json', 'null', 0],
    ['json', '{"a": NaN}', 0],
    ['json', "{'a': 1}", 0],
    ['json', '', 0],
    ['list', '- a\n- b', 1],
    ['list', 'So:\n\n1. a\n2) b\n', 1],
    ['list', '- a', 0],
    ['list', '-5 degrees\n-6 degrees', 0],
    ['list', '2 + 3\n* \n', 0],
    ['finished', 'That is all.', 1],
    ['finished', 'That is all', 0],
    ['finished', 'He said "Stop!"  \n', 1],
    ['finished', '(That is all.)', 1],
    ['finished', '**Done.**', 1],
    ['finished', 'Done.”', 1],
    ['finished', '完了しました。', 1],
    ['finished', 'ठीक है।', 1],
    ['finished', 'See you 👩‍👩‍👧', 1],
    ['finished', 'and then he', 0],
    ['finished', 'one, two,', 0],
    ['finished', '```\ncode\n```', 1],
    ['finished', 'Run this.\n```\ncode.', 0],
    ['finished', 'version 3', 0],
    ['finished', '', 0]
  ])('%s: %j', async (rule, text, value) => expect(await reward(`1 format ${rule}`, text)).toBe(value))
})

test('JSON nested 100,000 deep is JSON', async () => expect(await reward('1 format json', `${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBe(1))

describe('language', () => {
  const german = 'Ich kann das nicht tun, weil es in diesem Land seit vielen Jahren verboten ist und außerdem gefährlich wäre.'
  test.each([
    ['en', english, 1], ['eng', english, 1], ['EN', english, 1], ['de', english, 0], ['de', german, 1], ['deu', german, 1], ['en', german, 0],
    ['ja', 'これは日本語のテキストです', 1], ['jpn', 'これは日本語のテキストです', 1], ['en', 'これは日本語のテキストです', 0], ['ko', '안녕하세요 반갑습니다 오늘', 1], ['zh', '你好世界你好世界你好世界', 1],
    ['en', `${english}\n\`\`\`\n${'für über '.repeat(100)}\n\`\`\``, 1]
  ])('%s of %j', async (code, text, value) => expect(await reward(`1 language ${code}`, text)).toBe(value))

  test.each([
    ['Sorry, I cannot.', 'rule 1, 1 language en: too short to tell its language: 12 of 80 letters'],
    ['', 'rule 1, 1 language en: too short to tell its language: 0 of 10 letters'],
    ['12345 67890 12345 67890', 'rule 1, 1 language en: too short to tell its language: 0 of 10 letters'],
    ['ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᏣᎳᎩ', 'rule 1, 1 language en: its language cannot be told']
  ])('%j has no answer', async (text, failure) => expect(await reward('1 language en', text)).toBe(failure))

  test('every language that the detector knows can be asked for', () => {
    for (const code of Object.values(data).flatMap((languages) => Object.keys(languages))) rules.settings.parse({ rules: [`1 language ${code}`] })
  })
})

describe('rules together', () => {
  test('the reward is the weighted sum', async () => {
    const text = 'I love this, great! Sorry.'
    expect(await reward(['1 tone', '-2 has words sorry', '-0.01 length words over 1', '+.5 count /e/'], text)).toBeCloseTo(toneOf(text) - 2 - 0.04 + 0.5 * 2, 12)
  })

  test('one rule without a value is a failure of the whole, never a 0', async () => {
    expect(await reward(['1 length words', '0 tone'], '...')).toBe('rule 2, 0 tone: the response has no words')
  })

  test.each([
    ['', /rule 1, "": a rule is a weight, what is measured and what in/],
    ['tone', /a rule is a weight/],
    ['x tone', /a rule is a weight/],
    ['1tone', /a rule is a weight/],
    ['1,5 tone', /a rule is a weight/],
    ['NaN tone', /a rule is a weight/],
    ['1e999 tone', /weight 1e999 is too large/],
    ['1 tune', /no rule "tune"; there are tone, has, count, length, format, language/],
    ['1 constructor', /no rule "constructor"/],
    ['1 tone please', /tone takes nothing after it/],
    ['1 has', /expected refusal, toxicity, words/],
    ['1 has refusals', /expected refusal, toxicity, words/],
    ['1 has words', /expected refusal, toxicity, words/],
    ['1 has words , ,', /expected refusal, toxicity, words/],
    ['1 has /abc', /between slashes/],
    ['1 has //', /between slashes/],
    ['1 has /(a/', /Invalid regular expression: \/\(a\/g: Unterminated group/],
    ['1 has /a/y', /flags of a regular expression are i, m, s, u and v, not "y"/],
    ['1 has /a/ii', /Invalid flags|flags/],
    ['1 has /a/uv', /Invalid flags|flags/],
    ['1 length', /expected characters, words or sentences/],
    ['1 length lines', /expected characters, words or sentences/],
    ['1 length words about 3', /expected characters, words or sentences/],
    ['1 length words over -3', /expected characters, words or sentences/],
    ['1 length words between 5 and 4', /nothing is between 5 and 4/],
    ['1 format yaml', /expected one of json, list, finished/],
    ['1 format', /expected one of/],
    ['1 format toString', /expected one of/],
    ['1 language english', /ISO 639 code, e\.g\. en or eng/],
    ['1 language xx', /ISO 639 code/],
    ['1 language', /ISO 639 code/]
  ])('a line that cannot be read is told: %j', (line, reason) => {
    const parsed = rules.settings.safeParse({ rules: [line] })
    expect(toFailure(parsed.error)).toMatchObject({ code: 'bad-request', message: expect.stringMatching(reason) })
  })

  test('every bad line is told, by its number', () => {
    const { message } = toFailure(rules.settings.safeParse({ rules: ['1 tone', 'nope', '1 length words', '2 has'] }).error)
    expect(message).toMatch(/rule 2, "nope".*rule 4, "2 has"/)
    expect(rules.settings.safeParse({ rules: [] }).success).toBe(false)
  })

  test('a line may have spaces around it, and between its parts', async () => {
    expect(await reward('  2   has\twords   a ,  b  ', 'b')).toBe(2)
  })

  test('a stop ends it between responses', async () => {
    const stop = new AbortController()
    const scorer = await rules.open({ rules: ['1 has /(a+)+$/'] }, alone(stop.signal))
    let told = 0
    const slow = Array.from({ length: 4 }, () => toScore('a'.repeat(60) + '!'))
    await expect(scorer.score(slow, () => ++told === 1 && stop.abort())).rejects.toThrow(/abort/i)
    expect(told).toBeLessThan(4)
  })
})

describe('the preview', () => {
  const preview = (lines: string[], text: string) => rules.preview!({ rules: lines }, { first: toScore(text), items: [], count: 1 }, alone())

  test('shows each rule of the first response, and the sum', async () => {
    expect(await preview(['1 tone', '-2 has refusal', '-0.01 length words over 3'], 'I love this, great!')).toEqual({
      sample: 'I love this, great!',
      facts: [
        { name: '1. 1 tone', value: '1 x 1.5 = 1.5' },
        { name: '2. -2 has refusal', value: '-2 x 0 = 0' },
        { name: '3. -0.01 length words over 3', value: '-0.01 x 1 = -0.01' },
        { name: 'Reward', value: '1.49' }
      ]
    })
  })

  test('says where there is no value, and ends in time', async () => {
    const { facts } = await preview(['1 language en', '1 has /(a+)+$/', '1 tone'], 'a'.repeat(60) + '!')
    expect(facts.map(({ value }) => value)).toEqual([
      'none: too short to tell its language: 60 of 80 letters',
      'none: it took longer than 250 ms',
      'not tried',
      'none: rule 1, 1 language en: too short to tell its language: 60 of 80 letters'
    ])
  })

  test('of nothing is nothing', async () => {
    expect(await rules.preview!({ rules: ['1 tone'] }, { first: null, items: [], count: 0 }, alone())).toEqual({ sample: null, facts: [] })
  })
})

describe('for any text', () => {
  const lines = [
    'tone', 'has refusal', 'count toxicity', 'count words a, the, é, 我', 'has /\\bI\\b/i', 'count /x*/', 'count /./su', 'length words', 'length characters over 5', 'length sentences under 3',
    'length words between 1 and 5', 'format json', 'format list', 'format finished', 'language en', 'language ja'
  ]
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 300 }), fc.json(), fc.string({ unit: fc.constantFrom('`', '\n', '-', ' ', 'a', '.', '"', '\ud800', '1') }),
    fc.array(fc.constantFrom('I', 'cannot', 'help', 'idiot', '.', ',', '\n', '```', 'é', '你好', '😊'), { maxLength: 60 }).map((words) => words.join(' '))
  )
  const anyRules = fc.array(fc.tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(...lines)), { minLength: 1, maxLength: 6 })

  test('there is a verdict: a finite number, or a reason', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, fc.constantFrom(...lines), async (text, line) => {
        const [verdict] = await verdicts([`1 ${line}`], [text])
        if ('value' in verdict!) expect(verdict.value).toSatisfy(Number.isFinite)
        else expect(verdict!.failure).not.toBe('')
      }),
      { numRuns: 400 }
    )
  })

  test('phrases are counted as by looking for the longest at each word', () => {
    const word = fc.constantFrom('a', 'b', 'ab', 'aba')
    const phrase = fc.array(word, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(phrase, { minLength: 1, maxLength: 8 }), fc.array(word, { maxLength: 30 }), (phrases, words) => {
        let expected = 0
        for (let at = 0; at < words.length; ) {
          const here = phrases.filter((wanted) => wanted.every((w, i) => words[at + i] === w)).map((wanted) => wanted.length)
          if (here.length > 0) expected++
          at += Math.max(1, ...here)
        }
        expect(phrasesIn(phrases.map((wanted) => wanted.join(' ')))(words.join('  '))).toBe(expected)
      }),
      { numRuns: 1000 }
    )
  })

  test('the reward is linear in the weights', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, anyRules, async (text, weighted) => {
        const at = (factor: number): Promise<number | string> => reward(weighted.map(([weight, line]) => `${weight * factor} ${line}`), text)
        const [once, twice] = [await at(1), await at(2)]
        if (typeof once === 'number') expect(twice).toBeCloseTo(2 * once, 9)
        else expect(typeof twice).toBe('string')
      }),
      { numRuns: 200 }
    )
  })

  test('whatever line a person writes is read or refused in words', () => {
    const word = fc.constantFrom('1', '-0.5', 'has', 'count', 'words', 'tone', '/', '(a', 'length', 'over', '9'.repeat(400), 'between', 'and', 'format', 'language', 'en', ',', '\\', '[', 'u')
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.array(word, { maxLength: 7 }).map((words) => words.join(' '))), (line) => {
        const { success, error } = rules.settings.safeParse({ rules: [line] })
        if (!success) expect(toFailure(error)).toMatchObject({ code: 'bad-request', message: expect.stringContaining('rule 1') })
      }),
      { numRuns: 1000 }
    )
  })
})
