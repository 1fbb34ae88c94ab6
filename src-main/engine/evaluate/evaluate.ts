/** The evaluate job: every method answers the same prompts from the same seeds; then the table and the report. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { EvaluateSettings } from '../../contract/entities.ts'
import { StudioError } from '../../contract/errors.ts'
import { manifestOf } from '../collect/manifest.ts'
import { tasksOf } from '../collect/collect.ts'
import { responseSeed } from '../collect/seed.ts'
import { generate, type GenerationTask } from '../control/generate.ts'
import { resolveMethod } from '../control/methods.ts'
import type { JobWork } from '../jobs/runner.ts'
import type { Models } from '../models/models.ts'
import type { Task } from '../project/datasets.ts'
import type { ScoredResponse } from '../project/evaluations.ts'
import type { Project } from '../project/project.ts'
import { labelOf } from '../reward/label.ts'
import type { ToScore } from '../reward/source.ts'
import { rewardNamed, sourceNamed } from '../reward/sources.ts'
import type { Secrets } from '../secrets.ts'
import { writeReport } from './report.ts'
import { evaluationTable } from './table.ts'

export function evaluateWork(models: Models, secrets: Secrets): JobWork<EvaluateSettings> {
  return {
    unit: 'responses',
    title: ({ methods }) => `Evaluate ${methods.map((method) => method.name).join(', ')}`,

    async run(settings, project, job, subject) {
      const methods = settings.methods.map(resolveMethod)
      const tasks = tasksOf(settings, project)
      const { source, settings: sourceSettings } = rewardOf(settings, project, subject)
      const total = tasks.length * methods.length
      job.phase('Loading the model', { done: 0, total })
      let evaluation = subject

      await models.withHost(
        project,
        async (host, progressed) => {
          evaluation ??= project.evaluations.create(settings, manifestOf(host.loaded, { ...settings, scoredBy: { source: source.name, settings: sourceSettings } }))
          const id = evaluation
          job.subject(id)
          const finished = new Set(project.evaluations.responses(id).map((r) => `${r.method}/${r.example}`))
          let done = finished.size
          for (const [index, method] of methods.entries()) {
            const rest = tasks.filter((task) => !finished.has(`${index}/${task.id}`))
            if (rest.length === 0) continue
            job.phase(`Generating: ${method.name}`, { done, total })
            const requests = rest.map((task, key): GenerationTask => ({ key, method, messages: task.messages, seed: responseSeed(settings.seed, task.line, 0) }))
            const start = performance.now()
            let tokens = 0
            const run = generate({ project, models, secrets }, host, requests, {
              ...settings,
              tokens: false,
              signal: job.signal,
              onEvent: (event) => {
                if (event.kind === 'token') return
                if (event.kind === 'progress') {
                  tokens = event.tokens
                  job.progress(done, undefined, event.partial)
                  return
                }
                const task = rest[event.key] as Task
                const response = event.kind === 'skipped'
                  ? { text: '', tokens: 0, edit: null, reward: null, failure: event.reason }
                  : { text: event.text, tokens: event.tokens.length, edit: meanOf(event.edits), reward: null, failure: null }
                project.evaluations.addResponse(id, { method: index, example: task.id, ...response })
                progressed()
                job.progress(++done)
              }
            })
            // an interrupted run counts too: what it took, and what it drew in that time
            await run.then((totals) => (tokens = totals.tokens)).finally(() => project.evaluations.addTiming(id, index, tokens, (performance.now() - start) / 1000))
          }
        },
        job.signal
      )

      if (evaluation === null) throw new StudioError('internal', 'the evaluation has no row')
      await label(evaluation)
      const table = evaluationTable(settings, project.evaluations.responses(evaluation), project.evaluations.timings(evaluation).map(([tokens, seconds]) => seconds / Math.max(1, tokens)))
      const reports = join(project.directory, 'reports')
      mkdirSync(reports, { recursive: true })
      const report = join(reports, `evaluation-${evaluation}.html`)
      writeReport(report, project, evaluation, table)
      project.evaluations.finish(evaluation, table, report)

      /** After all of them are generated: a source may need a model of its own. What failed before is tried again. */
      async function label(id: number): Promise<void> {
        const taskOf = new Map(tasks.map((task) => [task.id, task]))
        const items = new Map(project.evaluations.responses(id).flatMap((response): [ToScore, ScoredResponse][] => {
          const task = taskOf.get(response.example)
          if (task === undefined || response.reward !== null || response.tokens === 0) return []
          const { prompt, messages, columns } = task
          return [[{ response: null, prompt, messages, text: response.text, columns }, response]]
        }))
        if (items.size === 0) return
        let done = total - items.size
        job.phase('Labelling', { done, total })
        const scorer = await source.open(sourceSettings, { project, models, secrets, sourceNamed, signal: job.signal })
        try {
          await scorer.score(items.keys(), (item, verdict) => {
            const { value, failure } = labelOf(verdict)
            project.evaluations.addResponse(id, { ...(items.get(item) as ScoredResponse), reward: value, failure })
            job.progress(++done)
          })
        } finally {
          scorer.close()
        }
      }
    },

    discard: (evaluation, project) => project.evaluations.delete(evaluation)
  }
}

/** As it was chosen when the evaluation began: by now its name may stand for other settings. @throws StudioError or ZodError */
function rewardOf({ source, sourceSettings }: EvaluateSettings, project: Project, evaluation: number | null): ReturnType<typeof rewardNamed> {
  const kept = evaluation === null ? undefined : project.evaluations.manifest(evaluation).settings?.['scoredBy']
  if (kept === undefined) return rewardNamed(source, sourceSettings, project)
  const scoredBy = kept as { source: string; settings: Record<string, unknown> }
  return rewardNamed(scoredBy.source, scoredBy.settings, project)
}

function meanOf(values: Float32Array): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}
