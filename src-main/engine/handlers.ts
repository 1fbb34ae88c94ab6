/** What the engine does for each method of the contract: this map is the window's whole interface. */
import { resolve } from 'node:path'
import { stageSettings, type Project as Summary } from '../contract/entities.ts'
import { StudioError, toFailure } from '../contract/errors.ts'
import { estimateCollection } from './collect/collect.ts'
import { listMethods } from './control/methods.ts'
import { datasetOfThumbs } from './control/thumbs.ts'
import { listHubDataset } from './data/hub/list.ts'
import { previewData } from './data/preview.ts'
import type { Engine, Handlers, Shell } from './engine.ts'
import { compareColumns, orderedExamples } from './evaluate/compare.ts'
import { exportEvaluation } from './evaluate/export.ts'
import { extended } from './evaluate/extend.ts'
import { listMetrics } from './evaluate/metrics.ts'
import { completeStudy } from './evaluate/study.ts'
import { catalogue } from './models/catalogue.ts'
import { inspectModel } from './models/inspect.ts'
import { stageSettingsOf } from './pipeline.ts'
import { listBackups, restoreBackup } from './project/backups.ts'
import { Project } from './project/project.ts'
import { addRecent, listRecent } from './project/recent.ts'
import { previewLabelling } from './reward/label.ts'
import { nextTask, rate, ratingSummary } from './reward/rating/rate.ts'
import { listSources, sourceNamed, usableRewards } from './reward/sources.ts'
import { rewardCorrelations, rewardSummaries } from './reward/summary.ts'
import { openSample } from './sample.ts'
import { valueAlong } from './value/along.ts'
import { compareValueFunctions } from './value/compare.ts'
import { exportValueFunction, importValueFunction } from './value/exchange.ts'
import { landscapeOf, pathOf } from './value/landscape.ts'
import { version } from './version.ts'

export function createHandlers(engine: Engine): Handlers {
  const { dataDirectory, cacheDirectory, resourcesDirectory } = engine.options
  const shell = (): Shell => {
    if (engine.options.shell === undefined) throw new StudioError('bad-request', 'there is no window to ask in')
    return engine.options.shell
  }
  const open = async (make: () => Project): Promise<Summary> => {
    const summary = (await engine.open(make)).summary()
    try {
      addRecent(dataDirectory, summary)
    } catch {
      // a full disk, say: the list only saves clicks, and the project is open
    }
    return summary
  }

  const refuseWhileRunning = (what: string): void => {
    if (engine.jobs.list().some((job) => job.state === 'running')) throw new StudioError('busy', `a job is running; stop it before ${what}`)
  }

  return {
    'studio.state': async () => ({
      version,
      project: engine.hasProject ? engine.project.summary() : null,
      recent: listRecent(dataDirectory),
      jobs: engine.jobs.list(),
      model: await engine.models.loaded
    }),

    'dialog.directory': (input) => shell().ask('dialog.directory', input),
    'dialog.file': (input) => shell().ask('dialog.file', input),
    'dialog.save': (input) => shell().ask('dialog.save', input),
    'dialog.openReport': async ({ evaluation }) => {
      const { report } = engine.project.evaluations.get(evaluation)
      if (report === null) throw new StudioError('bad-request', 'this evaluation has no report yet')
      await shell().openFile(report)
      return {}
    },

    'project.create': ({ directory, modelFile }) => open(() => Project.create(directory, modelFile)),
    'project.open': ({ directory }) => open(() => Project.open(directory)),
    'project.openSample': () => openSample(engine, open),
    'project.close': async () => {
      await engine.close()
      return {}
    },

    'project.backup': () => engine.project.backUp(),
    'project.backups': ({ directory }) => listBackups(resolve(directory)),
    'project.restore': ({ directory, backup }) =>
      open(() => {
        restoreBackup(resolve(directory), backup)
        return Project.open(directory)
      }),

    'project.settings': () => {
      try {
        return stageSettingsOf(engine.project)
      } catch (error) {
        const { message } = toFailure(error)
        engine.options.tell('notice', { level: 'warning', text: `The project's settings.json cannot be used, so the forms begin with the usual settings: ${message}` })
        return stageSettings.parse({})
      }
    },

    'model.catalogue': () => catalogue(cacheDirectory, resourcesDirectory),
    'model.inspect': ({ file }) => inspectModel(file),
    'model.choose': async ({ file }) => {
      await inspectModel(file) // refuses what cannot be a model
      refuseWhileRunning('choosing another model')
      engine.project.modelFile = file
      engine.models.unload()
      engine.tellProject()
      return engine.project.summary()
    },
    'model.fetch': (input) => engine.jobs.start('fetch-model', input),
    'model.plan': () => {
      const { modelFile } = engine.project
      if (modelFile === null) throw new StudioError('no-model', 'this project has no model yet')
      return engine.models.plan(modelFile)
    },
    'model.load': async () => (await engine.models.use(engine.project)).loaded,

    'device.list': () => engine.models.candidates(),
    'device.choice': () => engine.models.choice,
    'device.choose': (choice) => {
      refuseWhileRunning('choosing another device')
      engine.models.choose(choice)
      engine.options.tell('model', { loaded: null, note: '' })
      return choice
    },

    'data.preview': (input) => previewData(input, cacheDirectory),
    'data.import': (input) => engine.jobs.start('import', input),
    'data.list': () => engine.project.datasets.list(),
    'data.examples': ({ offset, limit, ...query }) => engine.project.examples.page(query, offset, limit),
    'data.example': ({ example }) => engine.project.examples.get(example),
    'data.delete': ({ dataset }) => {
      engine.project.datasets.refuseUsed(dataset)
      const importing = engine.jobs.list().find(({ kind, state, subject }) => kind === 'import' && subject === dataset && (state === 'running' || state === 'paused'))
      if (importing !== undefined) throw new StudioError('busy', 'this data set is still being imported; discard the import instead')
      engine.project.datasets.delete(dataset)
      engine.tellProject()
      return {}
    },
    'data.hub': ({ name }) => listHubDataset(name, cacheDirectory),
    'data.fetch': (input) => engine.jobs.start('fetch-data', input),
    'data.export': (input) => engine.jobs.start('export', input),
    'data.rejected': ({ dataset, offset, limit }) => engine.project.datasets.rejected(dataset, offset, limit),
    'data.rendered': ({ messages }) => engine.models.render(engine.project, { messages }),

    'collect.estimate': (input) => estimateCollection(input, engine.project),
    'collect.start': (input) => engine.jobs.start('collect', input),
    'collect.export': (input) => engine.jobs.start('export-states', input),
    'collect.import': (input) => engine.jobs.start('import-states', input),
    'collect.list': () => engine.project.collections.list(),
    'collect.responses': ({ collection, ...options }) => engine.project.responses.page(collection, options),

    'reward.sources': listSources,
    'reward.start': (input) => {
      sourceNamed(input.source).settings.parse(input.settings) // before a row keeps them: a password in an address is none to keep
      return engine.jobs.start('reward', input)
    },
    'reward.usable': () => usableRewards(engine.project),
    'reward.preview': (input) => previewLabelling(input, engine.project, engine.models, engine.secrets),
    'reward.summaries': ({ collection }) => rewardSummaries(engine.project, collection),
    'reward.correlations': ({ collection }) => rewardCorrelations(engine.project, collection),

    'secret.list': () => engine.secrets.list(),
    'secret.set': async ({ name, value }) => {
      await engine.secrets.set(name, value)
      return {}
    },
    'secret.delete': ({ name }) => {
      engine.secrets.delete(name)
      return {}
    },

    'people.next': (input) => nextTask(engine.project, input),
    'people.rate': (input) => rate(engine.project, input),
    'people.undo': ({ rating }) => {
      engine.project.ratings.delete(rating)
      return {}
    },
    'people.summary': (input) => ratingSummary(engine.project, input),

    'preference.train': (input) => engine.jobs.start('preference', input),
    'preference.list': () => engine.project.preferenceHeads.list(),

    'train.start': (input) => engine.jobs.start('train', input),
    'value.list': () => engine.project.valueFunctions.list(),
    'value.detail': ({ id }) => engine.project.valueFunctions.detail(id),
    'value.landscape': ({ id, plane, collection }) => landscapeOf(engine.project, id, plane, collection),
    'value.path': ({ id, plane, response, token, alpha, updates }) => pathOf(engine.project, { valueFunction: id, plane, response, token }, alpha, updates),
    'value.export': async ({ id, file }) => {
      await exportValueFunction(engine.project, id, file)
      return {}
    },
    'value.import': async ({ file }) => {
      const { id, warning } = await importValueFunction(engine.project, file)
      if (warning !== null) engine.options.tell('notice', { level: 'warning', text: warning })
      engine.tellProject()
      return { valueFunction: id }
    },
    'value.along': ({ id, response }) => valueAlong(engine.project, engine.models, id, response),
    'value.compare': ({ ids }) => compareValueFunctions(engine.project, ids),

    'control.methods': listMethods,
    'chat.send': (input) => engine.chat.send(engine.project, input),
    'chat.stop': () => {
      engine.chat.stop()
      return {}
    },
    'chat.rate': ({ turn, pane, value }) => {
      engine.project.chats.rate(turn, pane, value)
      return {}
    },
    'chat.rated': () => ({ answers: engine.project.chats.rated() }),
    'chat.toDataset': () => {
      const dataset = datasetOfThumbs(engine.project)
      engine.tellProject()
      return dataset
    },
    'chat.turns': ({ offset, limit }) => engine.project.chats.list(offset, limit),

    'evaluate.start': (input) => {
      if (input.sourceSettings !== null) sourceNamed(input.source).settings.parse(input.sourceSettings) // as above
      return engine.jobs.start('evaluate', completeStudy(input, engine.project))
    },
    'evaluate.metrics': listMetrics,
    'evaluate.extend': (input) => {
      extended(engine.project, input) // what cannot be is told at once
      return engine.jobs.start('evaluate', input)
    },
    'evaluate.compare': (input) => compareColumns(engine.project, input),
    'evaluate.export': async (input) => {
      await exportEvaluation(engine.project, input)
      return {}
    },
    'evaluate.list': () => engine.project.evaluations.list(),
    'evaluate.responses': ({ evaluation, order, offset, limit }) => {
      const { evaluations } = engine.project
      const examples = order === null ? evaluations.examples(evaluation, offset, limit) : orderedExamples(engine.project, evaluation, order).slice(offset, offset + limit)
      return { total: evaluations.prompts(evaluation), responses: evaluations.sideBySide(evaluation, examples) }
    },

    'jobs.pause': ({ job }) => engine.jobs.pause(job),
    'jobs.resume': ({ job }) => engine.jobs.resume(job),
    'jobs.stop': ({ job }) => engine.jobs.stop(job),
    'jobs.discard': ({ job }) => engine.jobs.discard(job)
  }
}
