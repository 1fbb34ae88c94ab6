/**
 * The evaluate job: every method and every point of the sweep answers the same prompts from the same seeds; then the
 * reward, the metrics, the table and the report. What is stored is not made again, so that it goes on after any end, and
 * an extension of a finished evaluation is the same job.
 */
import { evaluateSettings, evaluationExtension, type EvaluateSettings, type EvaluationExtension } from '../../contract/evaluate.ts'
import { StudioError } from '../../contract/errors.ts'
import { tasksOf } from '../collect/collect.ts'
import { manifestOf } from '../collect/manifest.ts'
import type { AskedFor } from '../asked-for.ts'
import { rewardsOf } from '../control/generate.ts'
import type { JobContext, JobWork } from '../jobs/runner.ts'
import type { HostClient } from '../models/host-client.ts'
import type { Models } from '../models/models.ts'
import type { Task } from '../project/datasets.ts'
import type { Project } from '../project/project.ts'
import type { Surroundings } from '../reward/source.ts'
import { doorsOf, rewardNamed, sourceNamed } from '../reward/sources.ts'
import type { Secrets } from '../secrets.ts'
import { columnsOf } from './columns.ts'
import { extended, refuseUnfinished } from './extend.ts'
import { bestPoints, goingOn, promptsOfRound } from './halving.ts'
import { aggregatesOf, measureResponses, scoreResponses } from './measure.ts'
import { writeReport } from './report.ts'
import { missingPlaces, respond } from './respond.ts'
import { metricDoors, readyMetrics, studyOf, type Study } from './study.ts'
import { evaluationTable } from './table.ts'

/** What a job keeps: a new evaluation's settings, or how a finished one is extended. */
export type EvaluateWork = EvaluateSettings | EvaluationExtension

export function evaluateWork(models: Models, secrets: Secrets, askedFor: AskedFor): JobWork<EvaluateWork> {
  return {
    unit: 'responses',
    title: (given) => ('evaluation' in given ? `Extend evaluation ${given.evaluation}` : `Evaluate ${[...new Set(columnsOf(evaluateSettings.parse(given)).map(({ choice }) => choice.name))].join(', ')}`),

    async run(given, project, job, subject) {
      if ('evaluation' in given) {
        const extension = evaluationExtension.parse(given)
        if (subject === null) {
          refuseUnfinished(project, extension.evaluation, job.id)
          const settings = extended(project, extension)
          studyOf(settings)
          project.atomically(() => {
            project.evaluations.extend(extension.evaluation, settings)
            job.subject(extension.evaluation)
          })
        }
        return evaluate(project, extension.evaluation, project.evaluations.get(extension.evaluation).settings, job)
      }
      await evaluate(project, subject, evaluateSettings.parse(given), job) // a job of an older version lacks the newer settings
    },

    discard(evaluation, project) {
      const before = project.evaluations.extendedFrom(evaluation)
      if (before !== null) project.evaluations.revert(evaluation, before, readyMetrics(before.metrics).map(({ label }) => label))
      else if (!project.evaluations.get(evaluation).finished) project.evaluations.delete(evaluation)
    }
  }

  async function evaluate(project: Project, known: number | null, settings: EvaluateSettings, job: JobContext): Promise<void> {
    const study = studyOf(settings)
    const tasks = tasksOf(settings, project)
    const { source, settings: sourceSettings } = rewardOf(settings, project, known)
    const surroundings: Surroundings = { project, models, secrets, asked: askedFor, sourceNamed, signal: job.signal }
    // before hours of answers, not after them
    const chosenBy = study.columns.flatMap(({ method }) => rewardsOf(method)).map((name) => rewardNamed(name, null, project))
    const rewards = [{ source, settings: sourceSettings }, ...chosenBy].flatMap((reward) => doorsOf(reward.source, reward.settings, project))
    for (const door of [...rewards, ...study.metrics.flatMap((metric) => metricDoors(metric, project))]) askedFor.require(door)
    const byExample = new Map(tasks.map((task) => [task.id, task]))
    const total = responsesOf(settings, study, tasks.length)
    let evaluation = known

    for (let round = 0; round < (settings.halving?.rounds ?? 1); round++) {
      const asked = tasks.slice(0, promptsOfRound(tasks.length, settings.halving?.rounds ?? 1, round))
      const answering = answeringIn(round, study, evaluation === null ? [] : project.evaluations.rounds(evaluation))
      if (evaluation === null || missingIn(evaluation, answering, asked)) {
        job.phase('Loading the model', { done: evaluation === null ? 0 : project.evaluations.answered(evaluation).length, total })
        await models.withHost(project, (host, progressed) => answer(host, progressed, answering, asked), job.signal)
      }
      if (evaluation === null) throw new StudioError('internal', 'the evaluation has no row')
      await scoreResponses({ evaluation, study, tasks: byExample }, source, sourceSettings, surroundings, job, total)
      if (settings.halving !== null && round < settings.halving.rounds - 1 && project.evaluations.rounds(evaluation).length === round) {
        project.evaluations.addRound(evaluation, best(evaluation, answering, asked, settings.halving.keep))
      }
    }

    const id = evaluation as number
    const answered = { evaluation: id, study, tasks: byExample }
    for (const metric of study.metrics) await measureResponses(answered, metric, surroundings, job, project.evaluations.answered(id).length)
    await finish(id)

    function missingIn(id: number, answering: number[], asked: Task[]): boolean {
      const there = project.evaluations.answered(id)
      return answering.some((method) => missingPlaces(there, method, asked, settings.seeds).length > 0)
    }

    async function answer(host: HostClient, progressed: () => void, answering: number[], asked: Task[]): Promise<void> {
      const manifest = manifestOf(host.loaded, { ...settings, scoredBy: { source: source.name, settings: sourceSettings } })
      const id = (evaluation ??= project.atomically(() => job.made(project.evaluations.create(settings, manifest))))
      refuseOtherModel(project, id, host)
      const progress = { done: project.evaluations.answered(id).length, total }
      await respond({ evaluation: id, settings, columns: study.columns, answering, tasks: asked }, { project, models, secrets, asked: askedFor }, host, job, progress, progressed)
    }

    /** The sweep's points that go on after a round, by their rewards of its prompts. */
    function best(id: number, answering: number[], asked: Task[], keep: number): number[] {
      const round = new Set(asked.map((task) => task.id))
      const swept = answering.filter((method) => study.columns[method]?.point !== null)
      const means = swept.map((method) => {
        const rewards = project.evaluations.responses(id).flatMap((r) => (r.method === method && r.reward !== null && round.has(r.example) ? [r.reward] : []))
        return rewards.length === 0 ? null : rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length
      })
      return bestPoints(swept.map((method) => study.columns[method]?.point as number), means, keep)
    }

    async function finish(id: number): Promise<void> {
      const { evaluations } = project
      job.phase('Making the table', { done: evaluations.answered(id).length, total })
      const labels = study.metrics.map(({ label }) => label)
      const remarks = evaluations.remarks(id)
      const table = await evaluationTable(settings, study.metrics, {
        responses: evaluations.responses(id),
        measures: evaluations.measures(id, labels),
        timings: evaluations.timings(id),
        aggregates: aggregatesOf(answered, project),
        remarks: labels.flatMap((label) => remarks[label] ?? [])
      })
      evaluations.finish(id, table, writeReport(project, id, table))
    }
  }
}

/** The columns that answer in a round: all that are no points of the sweep, and its points that are left. */
function answeringIn(round: number, { columns }: Study, decided: number[][]): number[] {
  const left = round === 0 ? null : new Set(decided[round - 1])
  return columns.flatMap(({ point }, method) => (point === null || left === null || left.has(point) ? [method] : []))
}

/** How many responses there will be; what a round of halving drops has fewer. */
function responsesOf({ halving, seeds }: EvaluateSettings, { columns }: Study, prompts: number): number {
  const swept = columns.filter(({ point }) => point !== null).length
  const rounds = halving?.rounds ?? 1
  let answers = (columns.length - swept) * prompts
  let left = swept
  let before = 0
  for (let round = 0; round < rounds; round++) {
    const upTo = promptsOfRound(prompts, rounds, round)
    answers += left * (upTo - before)
    before = upTo
    if (halving !== null) left = goingOn(left, halving.keep)
  }
  return answers * seeds
}

/** Columns of two models under one name would be compared as if they were of one. */
function refuseOtherModel(project: Project, evaluation: number, host: HostClient): void {
  const { model, modelFile } = project.evaluations.manifest(evaluation)
  if (model !== host.loaded.sha256) throw new StudioError('bad-request', `evaluation ${evaluation} is of another model (${modelFile}): choose that one again, or begin a new evaluation`)
}

/** As it was chosen when the evaluation began: by now its name may stand for other settings. @throws StudioError or ZodError */
function rewardOf({ source, sourceSettings }: EvaluateSettings, project: Project, evaluation: number | null): ReturnType<typeof rewardNamed> {
  const kept = evaluation === null ? undefined : project.evaluations.manifest(evaluation).settings?.['scoredBy']
  if (kept === undefined) return rewardNamed(source, sourceSettings, project)
  const scoredBy = kept as { source: string; settings: Record<string, unknown> }
  return rewardNamed(scoredBy.source, scoredBy.settings, project)
}
