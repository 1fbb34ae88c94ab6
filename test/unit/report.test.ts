import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { evaluateSettings } from '../../src-main/contract/evaluate.ts'
import { html } from '../../src-main/engine/evaluate/html.ts'
import { manifest } from '../fixtures/manifest.ts'
import { writeReport } from '../../src-main/engine/evaluate/report.ts'
import { evaluationTable } from '../../src-main/engine/evaluate/table.ts'
import { Project } from '../../src-main/engine/project/project.ts'

describe('html', () => {
  test('escapes what comes from outside', () => {
    expect(html`<p title="${`"'<&>`}">${'<b>'}</p>`.text).toBe('<p title="&quot;&#39;&lt;&amp;&gt;">&lt;b&gt;</p>')
  })

  test('keeps its own parts, one or many, and numbers', () => {
    expect(html`<ul>${[1, 2].map((n) => html`<li>${n}${'<'}</li>`)}${['>']}</ul>`.text).toBe('<ul><li>1&lt;</li><li>2&lt;</li>&gt;</ul>')
    expect(html`${html.trusted('<i>')}${html`<b>`}`.text).toBe('<i><b>')
  })
})

describe('the report', () => {
  const hostile = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</style><script src=https://example.com/x.js></script>',
    '<!-- --><svg/onload=alert(1)>',
    '&lt;script&gt;',
    '</p></div></section><iframe srcdoc="<script>1</script>">'
  ]
  let directory = ''
  let page = ''

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 're-control-report-'))
    const project = Project.create(join(directory, 'project<b>'), null)
    const dataset = project.datasets.create('<img src=x onerror=alert(1)>', 'rows.jsonl', 'prompts')
    project.datasets.add(dataset, hostile.map((prompt, i) => ({ line: i + 1, split: 'held-out', prompt, messages: [], chosen: null, rejected: null, columns: {} })), [])
    const valueFunction = project.valueFunctions.add({
      name: '<script>', collection: null, source: 'imported', scale: 1, rewardMean: 0, rewardScale: 1, settings: null, bestEpoch: 0, curve: [], calibration: [], manifest: null,
      network: { inputDim: 2, layers: [{ weight: new Float32Array(2), bias: new Float32Array(1) }, { weight: new Float32Array(1), bias: new Float32Array(1) }] }
    })
    const settings = evaluateSettings.parse({
      dataset,
      methods: [{ name: 'base' }, { name: 'prompting', settings: { instruction: hostile[1] } }, { name: 're-control', settings: { valueFunction } }],
      sweep: { method: { name: 're-control', settings: { valueFunction } }, over: { alpha: [1, 2], updates: [1, 3] } }, halving: { rounds: 2 }, seeds: 2,
      metrics: [{ name: 'length' }]
    })
    const id = project.evaluations.create(settings, { ...manifest, modelFile: '</pre><script>', device: '<script>' })
    const examples = project.datasets.tasks(dataset, null, null)
    for (const { id: example, prompt } of examples) {
      for (const method of [0, 1, 2, 3, 4, 5, 6]) {
        project.evaluations.addResponse(id, { method, example, seed: 0, text: `${prompt} as an answer`, tokens: 3, edit: null, reward: example % 2 === 0 ? example : null, failure: example % 2 === 0 ? null : hostile[0]! })
        project.evaluations.addMeasures(id, [{ method, example, seed: 0, metric: 'length:tokens', value: method === 2 ? null : example, failure: method === 2 ? hostile[1]! : null }])
      }
    }
    const table = await evaluationTable(settings, [{ label: 'length:tokens', better: null, againstBase: false }], {
      responses: project.evaluations.responses(id), measures: project.evaluations.measures(id, ['length:tokens']), timings: Array.from({ length: 7 }, (_, i) => [1, 0.1 * (i + 1)]), remarks: [hostile[6]!]
    })
    const file = writeReport(project, id, { ...table, alarms: [...table.alarms, { method: hostile[3]!, text: hostile[4]! }] })
    project.close()
    page = readFileSync(file, 'utf8')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  test('has no element but its own, whatever data and model wrote', () => {
    const elements = new Set([...page.matchAll(/<\/?([a-z][^\s/>]*)/gi)].map((match) => match[1]!.toLowerCase()))
    const own = ['html', 'head', 'meta', 'title', 'style', 'body', 'main', 'h1', 'h2', 'h3', 'p', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'small', 'figure', 'figcaption', 'svg', 'line', 'text', 'circle', 'polyline', 'section', 'div', 'strong', 'span', 'pre']
    expect([...elements].filter((element) => !own.includes(element))).toEqual([])
    expect(page).not.toContain('<!--')
  })

  test('has no attribute that runs or loads anything', () => {
    for (const [tag] of page.matchAll(/<[a-z][^>]*>/gi)) expect(tag).not.toMatch(/\s(on\w+|src|href|srcdoc|action)\s*=/i)
    expect(page).toContain("default-src 'none'")
  })

  test('shows every prompt and answer as text', () => {
    const shown = page.replaceAll(/<[^>]*>/g, '').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
    for (const text of hostile) {
      expect(shown).toContain(text)
      expect(shown).toContain(`${text} as an answer`)
    }
  })

  test('draws every figure by every setting of the sweep, and tells what to doubt', () => {
    for (const setting of ['alpha', 'updates']) for (const what of ['Reward (tone)', 'Diversity', 'length:tokens']) expect(page).toContain(`${what} by ${setting}, with 95 % bootstrap intervals`)
    expect(page.match(/class="alarm"/g)!.length).toBeGreaterThan(1)
    expect(page).toContain('What reward costs')
    for (const label of ['updates 1', 'updates 3', 'alpha 1', 'alpha 2']) expect(page).toContain(`>${label}</text>`)
  })

  test('has a figure or "not measured" everywhere', () => {
    expect(page).not.toMatch(/NaN|undefined|Infinity|>null</)
    expect(page).toContain('not measured')
  })
})
