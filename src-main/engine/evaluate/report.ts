/** The HTML report of an evaluation: one file that stands on its own, without scripts. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from '../../contract/device.ts'
import type { Comparison, EvaluationTable } from '../../contract/evaluate.ts'
import { refuseForeign } from '../project/own-files.ts'
import type { Project } from '../project/project.ts'
import { html, type Html } from './html.ts'
import { studyFigures } from './study-figures.ts'
import { intervalChart, lineChart } from './svg.ts'
import { probability, verdict } from './wording.ts'

const examplesShown = 12

/** Into the project's folder. @returns the file @throws StudioError 'not-usable' where that is no folder of the project's own */
export function writeReport(project: Project, id: number, table: EvaluationTable): string {
  const folder = join(project.directory, 'reports')
  mkdirSync(folder, { recursive: true })
  refuseForeign(project.directory)
  const file = join(folder, `evaluation-${id}.html`)
  writeFileSync(file, reportPage(project, id, table))
  return file
}

export function reportPage(project: Project, id: number, table: EvaluationTable): string {
  const evaluation = project.evaluations.get(id)
  const { settings } = evaluation
  const manifest = project.evaluations.manifest(id)
  const labels = table.methods.map(({ label }) => label)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Evaluation ${id} · ${project.summary().name}</title>
<style>${html.trusted(style)}</style>
</head>
<body>
<main>
<h1>${evaluation.datasetName}: ${[...new Set(table.methods.map((m) => m.name))].join(', ')}</h1>
<p>${project.evaluations.prompts(id)} ${settings.split ?? ''} prompts${settings.seeds === 1 ? '' : `, ${settings.seeds} seeds each`}, at most ${settings.maxTokens} new tokens, temperature ${settings.sampling.temperature},
top-k ${settings.sampling.topK}, top-p ${settings.sampling.topP}, seed ${settings.seed}: every method answers the same prompts from the same seeds. Reward: ${settings.source}.
Intervals and tests are over prompts${settings.seeds === 1 ? '' : ', the seeds of a prompt averaged first'}.</p>
${settings.halving === null ? '' : html`<p>Successive halving in ${settings.halving.rounds} rounds: a dropped point has answered fewer prompts, and those that are left were chosen by their rewards of these prompts, which flatters them. Evaluate the best again on others.</p>`}
${table.alarms.map(({ method, text }) => html`<p class="alarm"><strong>${method}</strong> ${text}</p>`)}
${methodTable(table)}
${table.remarks.map((remark) => html`<p>${remark}</p>`)}
${pairedTables(table)}
<figure>
<figcaption>Mean reward with its 95 % bootstrap interval over prompts</figcaption>
${intervalChart(table.methods.map(({ reward }, i) => ({ label: labels[i] ?? '', ...reward, isBase: i === 0 })))}
</figure>
<figure>
<figcaption>Difference to ${labels[0] ?? ''} on the same prompts, with its paired 95 % interval</figcaption>
${intervalChart(table.paired.map(({ difference, low, high }, i) => ({ label: labels[i + 1] ?? '', mean: difference, low, high, isBase: false })))}
</figure>
${studyFigures(settings, table)}
${valueFunctionSections(project, table)}
<h2>Responses side by side</h2>
${project.evaluations.sideBySide(id, project.evaluations.examples(id, 0, examplesShown)).map(({ prompt, byMethod }) => html`<section class="example">
<h3>${prompt}</h3>
<div class="columns">${byMethod.map(({ label, seed, text, reward, failure, measures }) => html`<div><strong>${label}</strong>${settings.seeds === 1 ? '' : ` (seed ${seed + 1})`} <span class="number">${figure(reward)}${Object.entries(measures).map(([name, value]) => `, ${name} ${figure(value)}`)}</span><p>${text}</p>${failure === null ? '' : html`<p><small>${failure}</small></p>`}</div>`)}</div>
</section>`)}
<h2>To run it again</h2>
${manifestTable(manifest)}
<pre>${JSON.stringify({ settings, manifest }, null, 2)}</pre>
</main>
</body>
</html>
`.text
}

/** What it ran with; the settings are below it. */
function manifestTable(m: Manifest): Html {
  const rows: [string, string][] = [
    ['Studio', m.studio],
    ['Model', m.modelFile],
    ['Its SHA-256', m.model],
    ['Device', `${m.device} (${m.backend})${m.gpuLayers === undefined || m.gpuLayers === 0 ? '' : `, ${m.gpuLayers} of ${m.layers ?? '?'} layers`}`],
    ['Why there', m.reason ?? 'not kept'],
    ['llama.cpp', m.llamaCpp],
    ['Threads', String(m.threads)],
    ['Tokens a step, at most', m.batchTokens === undefined ? 'not kept' : String(m.batchTokens)],
    ['Seed', m.seed === undefined ? 'see the settings' : String(m.seed)]
  ]
  return html`<table><tbody>${rows.map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}</tbody></table>`
}

function methodTable({ methods }: EvaluationTable): Html {
  const measured = [...new Set(methods.flatMap(({ measures }) => Object.keys(measures)))]
  return html`<table>
<thead><tr><th>Method</th><th>Reward</th><th>95 % interval</th><th>Diversity</th>${measured.map((label) => html`<th>${label}</th>`)}<th>Mean edit |Δh| / |h|</th><th>Time a token</th><th>Time over ${methods[0]?.label ?? ''}</th><th>Responses</th><th>Unlabelled</th></tr></thead>
<tbody>${methods.map((m) => html`<tr>
<th>${m.label}<small>${describeSettings(m.settings)}</small></th>
<td>${figure(m.reward.mean)}</td>
<td>${figure(m.reward.low)} to ${figure(m.reward.high)}</td>
<td>${figure(m.diversity)}</td>
${measured.map((label) => measureCell(m.measures[label]))}
<td>${m.edit === null ? 'none' : figure(m.edit)}</td>
<td>${(m.secondsPerToken * 1000).toFixed(1)} ms</td>
<td>${m.timeRatio === null ? '' : `${m.timeRatio.toFixed(2)} x`}</td>
<td>${m.responses}</td>
<td>${m.unlabelled}</td>
</tr>`)}</tbody>
</table>`
}

/** A metric that compares with the first method has nothing to say of it. */
function measureCell(measure: EvaluationTable['methods'][number]['measures'][string] | undefined): Html {
  if (measure === undefined) return html`<td></td>`
  const { mean, low, high, failed } = measure
  return html`<td>${figure(mean)}${mean === null ? '' : html`<small>${figure(low)} to ${figure(high)}</small>`}${failed === 0 ? '' : html`<small>${failed} not measured</small>`}</td>`
}

/** Of the rewards, then of everything else that was measured. */
function pairedTables({ paired }: EvaluationTable): Html {
  if (paired.length === 0) return html``
  const labels = Object.keys(paired[0]?.measures ?? {})
  const known = (rows: (Comparison | null | undefined)[]): Comparison[] => rows.filter((row) => row !== null && row !== undefined)
  const names = paired.map(({ a, b }) => `${b} − ${a}`)
  return html`${pairedTable('Reward', names, paired)}
${paired[0]?.diversity === null ? '' : pairedTable('Diversity', names, known(paired.map(({ diversity }) => diversity)))}
${labels.map((label) => pairedTable(label, names, known(paired.map(({ measures }) => measures[label]))))}
<p>p: two-sided paired permutation test; Holm: corrected for the ${paired.length} comparisons of its table.</p>`
}

function pairedTable(what: string, names: string[], rows: Comparison[]): Html {
  return html`<table>
<thead><tr><th>${what}</th><th>Difference</th><th>Paired 95 % interval</th><th>p</th><th>p, Holm</th><th>Prompts</th><th>Verdict</th></tr></thead>
<tbody>${rows.map((p, i) => html`<tr><th>${names[i] ?? ''}</th><td>${figure(p.difference)}</td><td>${figure(p.low)} to ${figure(p.high)}</td><td>${probability(p.p)}</td><td>${probability(p.pHolm)}</td><td>${p.prompts}</td><td>${verdict(p)}</td></tr>`)}</tbody>
</table>`
}

/** The loss curves of every value function that a method of the table used. */
function valueFunctionSections(project: Project, { methods }: EvaluationTable): Html[] {
  const ids = [...new Set(methods.flatMap((m) => (typeof m.settings['valueFunction'] === 'number' ? [m.settings['valueFunction']] : [])))]
  return ids.map((id) => {
    const v = project.valueFunctions.detail(id)
    const points = (loss: 'trainLoss' | 'validationLoss' | 'returnError'): { x: number; y: number }[] => v.curve.map((e) => ({ x: e.epoch, y: e[loss] }))
    return html`<figure>
<figcaption>Training of value function ${id} (${v.name}): Bellman loss a state; best epoch ${v.bestEpoch}, correlation of value and reward on validation prompts ${figure(v.correlation)}, c = ${figure(v.scale)}</figcaption>
${lineChart('epoch', [{ label: 'train', points: points('trainLoss') }, { label: 'validation', points: points('validationLoss') }])}
</figure>
<figure>
<figcaption>Its return error: how far the value of each token of unseen responses is from their reward, squared, in standardised rewards; 1 is no better than their mean. The best epoch is where it is lowest.</figcaption>
${lineChart('epoch', [{ label: 'return error', points: points('returnError') }])}
</figure>`
  })
}

function describeSettings(settings: Record<string, unknown>): string {
  return Object.entries(settings)
    .filter(([, value]) => value !== null && value !== '')
    .map(([key, value]) => `${key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${String(value)}`)
    .join(', ')
}

function figure(value: number | null): string {
  return value === null ? 'not measured' : value.toFixed(3)
}

const style = `
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a404b); --quiet: light-dark(#566070, #9aa5b5); --first: light-dark(#5b6b84, #93a3bd); --second: light-dark(#b4440f, #ff9d66); --third: light-dark(#1d7a4f, #6fcf9d); --fourth: light-dark(#7a3f9d, #c79be0); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#fbfbfc, #15181d); color: light-dark(#1c2129, #e7eaef); }
main { max-width: 84rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 0 0 .5rem; }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { white-space: nowrap; }
thead th { color: var(--quiet); font-weight: 500; font-size: .85rem; }
small { display: block; font-weight: 400; color: var(--quiet); }
figure { margin: 2rem 0; } figcaption { color: var(--quiet); margin-bottom: .5rem; }
svg { width: 100%; max-width: 60rem; height: auto; } svg text { font-size: 12px; fill: currentColor; }
.example { border-top: 1px solid var(--line); padding: 1rem 0; } .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1.5rem; }
.columns p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; } .number { color: var(--quiet); font-variant-numeric: tabular-nums; }
table { display: block; overflow-x: auto; } .alarm { border-left: 3px solid var(--second); padding-left: .8rem; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; padding: 1rem; font-size: 12px; }
`
