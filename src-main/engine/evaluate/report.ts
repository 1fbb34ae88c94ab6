/** The HTML report of an evaluation: one file that stands on its own, without scripts. */
import { writeFileSync } from 'node:fs'
import type { Manifest } from '../../contract/device.ts'
import type { EvaluationTable } from '../../contract/entities.ts'
import type { Project } from '../project/project.ts'
import { html, type Html } from './html.ts'
import { intervalChart, lineChart } from './svg.ts'
import { probability, verdict } from './wording.ts'

const examplesShown = 12

export function writeReport(file: string, project: Project, id: number, table: EvaluationTable): void {
  writeFileSync(file, reportPage(project, id, table))
}

export function reportPage(project: Project, id: number, table: EvaluationTable): string {
  const evaluation = project.evaluations.get(id)
  const { settings } = evaluation
  const manifest = project.evaluations.manifest(id)
  const base = table.methods[0]
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
<h1>${evaluation.datasetName}: ${[...new Set(settings.methods.map((m) => m.name))].join(', ')}</h1>
<p>${base?.responses ?? 0} ${settings.split ?? ''} prompts, at most ${settings.maxTokens} new tokens, temperature ${settings.sampling.temperature},
top-k ${settings.sampling.topK}, top-p ${settings.sampling.topP}, seed ${settings.seed}: every method answers the same prompts from the same seeds. Reward: ${settings.source}.</p>
${methodTable(table)}
${pairedTable(table, labels)}
<figure>
<figcaption>Mean reward with its 95 % bootstrap interval over prompts</figcaption>
${intervalChart(table.methods.map(({ reward }, i) => ({ label: labels[i] ?? '', ...reward, isBase: i === 0 })))}
</figure>
<figure>
<figcaption>Difference to ${base?.name ?? ''} on the same prompts, with its paired 95 % interval</figcaption>
${intervalChart(table.paired.map(({ difference, low, high }, i) => ({ label: labels[i + 1] ?? '', mean: difference, low, high, isBase: false })))}
</figure>
${valueFunctionSections(project, table)}
<h2>Responses side by side</h2>
${project.evaluations.sideBySide(id, project.evaluations.examples(id, 0, examplesShown)).map(({ prompt, byMethod }) => html`<section class="example">
<h3>${prompt}</h3>
<div class="columns">${byMethod.map(({ name, text, reward }) => html`<div><strong>${name}</strong> <span class="number">${figure(reward)}</span><p>${text}</p></div>`)}</div>
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
  const base = methods[0]
  return html`<table>
<thead><tr><th>Method</th><th>Reward</th><th>95 % interval</th><th>Diversity</th><th>Mean edit |Δh| / |h|</th><th>Time a token</th><th>Time over ${base?.name ?? ''}</th><th>Responses</th><th>Unlabelled</th></tr></thead>
<tbody>${methods.map((m) => html`<tr>
<th>${m.name}<small>${describeSettings(m.settings)}</small></th>
<td>${figure(m.reward.mean)}</td>
<td>${figure(m.reward.low)} to ${figure(m.reward.high)}</td>
<td>${figure(m.diversity)}</td>
<td>${m.edit === null ? 'none' : figure(m.edit)}</td>
<td>${(m.secondsPerToken * 1000).toFixed(1)} ms</td>
<td>${base === undefined || base.secondsPerToken === 0 ? '' : `${(m.secondsPerToken / base.secondsPerToken).toFixed(2)} x`}</td>
<td>${m.responses}</td>
<td>${m.unlabelled}</td>
</tr>`)}</tbody>
</table>`
}

function pairedTable({ paired }: EvaluationTable, labels: string[]): Html {
  return html`<table>
<thead><tr><th>Comparison</th><th>Difference</th><th>Paired 95 % interval</th><th>p</th><th>p, Holm</th><th>Prompts</th><th>Verdict</th></tr></thead>
<tbody>${paired.map((p, i) => html`<tr><th>${labels[i + 1] ?? p.b} − ${labels[0] ?? p.a}</th><td>${figure(p.difference)}</td><td>${figure(p.low)} to ${figure(p.high)}</td><td>${probability(p.p)}</td><td>${probability(p.pHolm)}</td><td>${p.prompts}</td><td>${verdict(p)}</td></tr>`)}</tbody>
</table>
<p>p: two-sided paired permutation test; Holm: corrected for the ${paired.length} comparisons of this table.</p>`
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
  return Object.entries(settings).map(([key, value]) => `${key} ${String(value)}`).join(', ')
}

function figure(value: number | null): string {
  return value === null ? 'not measured' : value.toFixed(3)
}

const style = `
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a404b); --quiet: light-dark(#566070, #9aa5b5); --first: light-dark(#5b6b84, #93a3bd); --second: light-dark(#b4440f, #ff9d66); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#fbfbfc, #15181d); color: light-dark(#1c2129, #e7eaef); }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 0 0 .5rem; }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--quiet); font-weight: 500; font-size: .85rem; }
small { display: block; font-weight: 400; color: var(--quiet); }
figure { margin: 2rem 0; } figcaption { color: var(--quiet); margin-bottom: .5rem; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: currentColor; }
.example { border-top: 1px solid var(--line); padding: 1rem 0; } .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1.5rem; }
.columns p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; } .number { color: var(--quiet); font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; padding: 1rem; font-size: 12px; }
`
