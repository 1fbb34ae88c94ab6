/** The result as one HTML file that stands on its own, without scripts. */
import { html, type Html } from '../../src-main/engine/evaluate/html.ts'
import { spreadChart } from './charts.ts'
import type { BenchResult, FinishedPart, Measurement } from './result.ts'
import { detailText, figure, unitName, unitOf, verdict } from './words.ts'

export function reportPage(result: BenchResult): string {
  const { machine, model } = result
  const facts: [name: string, text: string][] = [
    ['Processor', `${machine.processor}, ${machine.cores} cores`],
    ['Memory', `${machine.memoryGB} GB`],
    ['System', machine.system],
    ['Load before the run', `${machine.load.join(', ')} over 1, 5 and 15 minutes`],
    ['Model', `${model.description}, ${(model.bytes / 1e6).toFixed(0)} MB, D = ${model.stateSize}`],
    ['Its file', `${model.file}, SHA-256 ${model.sha256}`],
    ['llama.cpp', `${result.build}, ${result.backend} on ${result.device}`],
    ['Threads', `${result.threads}; measured ${result.threadMeasurement.map((m) => `${m.threads}: ${m.tokensPerSecond.toFixed(1)} tokens/s`).join(', ')}`],
    ['Studio', result.studio],
    ['Command', result.command],
    ['Time taken', `${(result.seconds / 60).toFixed(1)} minutes`]
  ]
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Benchmark · ${result.date}</title>
<style>${html.trusted(style)}</style>
</head>
<body>
<main>
<h1>Benchmark of RE-Control Studio, ${result.date}</h1>
${result.warnings.map((warning) => html`<p class="warning">${warning}</p>`)}
<table><tbody>${facts.map(([name, text]) => html`<tr><th>${name}</th><td>${text}</td></tr>`)}</tbody></table>
<p>Every ratio compares variants that took turns in this run, round by round: its median over the rounds, with the first and third quartile.</p>
${result.targets.length === 0 ? '' : targetTable(result)}
${result.parts.map(partSection)}
</main>
</body>
</html>
`.text
}

function targetTable({ targets }: BenchResult): Html {
  return html`<h2>Targets</h2>
<table class="figures">
<thead><tr><th>Figure (TinyLlama as Q4_0, two cores, D = 2048)</th><th>Target</th><th>Measured</th><th>Quartiles</th><th></th></tr></thead>
<tbody>${targets.map((target) => {
    const unit = unitOf(target)
    return html`<tr><th>${target.figure}${target.where === null ? '' : html`<small>${target.where}</small>`}</th><td>${target.sense} ${figure(target.limit, unit)}</td><td>${target.measured === null ? '' : figure(target.measured.median, unit)}</td><td>${target.measured === null ? '' : `${figure(target.measured.low, unit)} to ${figure(target.measured.high, unit)}`}</td><td>${verdict(target)}</td></tr>`
  })}</tbody>
</table>`
}

function partSection({ title, about, measurements, failure, seconds }: FinishedPart): Html {
  const groups = [...new Set(measurements.map(({ group }) => group))]
  return html`<h2>${title}</h2>
<p>${about} Took ${seconds.toFixed(0)} s.</p>
${failure === null ? '' : html`<p class="warning">Stopped: ${failure}</p>`}
${groups.map((group) => {
    const own = measurements.filter((m) => m.group === group)
    const chart = spreadChart(own)
    return html`<figure><figcaption>${group}</figcaption>${chart ?? ''}${measurementTable(own)}</figure>`
  })}`
}

function measurementTable(measurements: readonly Measurement[]): Html {
  return html`<table class="figures">
<thead><tr><th></th><th>Median</th><th>Quartiles</th><th>Least to most</th><th>Times</th></tr></thead>
<tbody>${measurements.map(({ label, unit, spread, details, note }) => {
    const small = html`<small>${[detailText(details), note ?? ''].filter((text) => text !== '').join('; ')}</small>`
    if (spread === null) return html`<tr><th>${label}${small}</th><td colspan="4">not measured</td></tr>`
    const range = (low: number, high: number): string => `${figure(low, unit)} to ${figure(high, unit)}`
    return html`<tr><th>${label}${small}</th><td>${figure(spread.median, unit)}${unitName(unit)}</td><td>${range(spread.low, spread.high)}</td><td>${range(spread.least, spread.most)}</td><td>${spread.count}</td></tr>`
  })}</tbody>
</table>`
}

const style = `
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a404b); --quiet: light-dark(#566070, #9aa5b5); --second: light-dark(#b4440f, #ff9d66); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#fbfbfc, #15181d); color: light-dark(#1c2129, #e7eaef); }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 500; } thead th { color: var(--quiet); font-size: .85rem; } .figures td, .figures thead th { white-space: nowrap; }
small { display: block; font-weight: 400; color: var(--quiet); }
figure { margin: 1.5rem 0 2.5rem; } figcaption { font-weight: 600; margin-bottom: .5rem; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: currentColor; }
.warning { border-left: 3px solid var(--second); padding-left: .8rem; }
`
