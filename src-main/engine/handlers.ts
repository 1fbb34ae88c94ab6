/** What the engine does for each method of the contract: this map is the window's whole interface. */
import { resolve } from 'node:path'
import { stageSettings } from '../contract/pipeline.ts'
import type { Project as Summary } from '../contract/project.ts'
import { StudioError, toFailure } from '../contract/errors.ts'
import { estimateCollection } from './collect/collect.ts'
import { deleteShards } from './collect/shards.ts'
import { chatAscent, chatLandscape } from './control/chat-ascent.ts'
import { exportConversation } from './control/export-conversation.ts'
import { listMethods } from './control/methods.ts'
import { datasetOfThumbs } from './control/thumbs.ts'
import { listHubDataset } from './data/hub/list.ts'
import { previewData } from './data/preview.ts'
import type { Engine, Handlers, Shell } from './engine.ts'
import { compareColumns, orderedExamples } from './evaluate/compare.ts'
import { exportEvaluation } from './evaluate/export.ts'
import { extended } from './evaluate/extend.ts'
import { listMetrics } from './evaluate/metrics.ts'
import { writeReport } from './evaluate/report.ts'
import { completeStudy, evaluationDoors, measureDoors } from './evaluate/study.ts'
import { catalogue } from './models/catalogue.ts'
import { combined, partChecksums } from './models/checksum.ts'
import { furtherBackends } from './models/further-backends.ts'
import { inspectModel } from './models/inspect.ts'
import { lookPasted } from './models/pasted.ts'
import { stageSettingsOf } from './pipeline.ts'
import { keepPreferences, readPreferences } from './preferences.ts'
import { listBackups, restoreBackup } from './project/backups.ts'
import { Project } from './project/project.ts'
import { addRecent, forgetRecent, listRecent, rememberStage } from './project/recent.ts'
import { salvage, salvageFolder } from './project/salvage.ts'
import { refuseBusyEvaluation, refuseUsedCollection, refuseUsedHead, refuseUsedLabelling, refuseUsedValueFunction } from './project/uses.ts'
import { labelDoors, previewLabelling } from './reward/label.ts'
import { nextTask, rate, ratingSummary } from './reward/rating/rate.ts'
import { listSources, usableRewards } from './reward/sources.ts'
import { rewardCorrelations, rewardSummaries } from './reward/summary.ts'
import { openSample } from './sample.ts'
import { tokenName } from './server/token.ts'
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

  /** by file, what ends it */
  const checksumsComputed = new Map<string, AbortController>()

  return {
    'studio.state': async () => ({
      version,
      project: engine.hasProject ? engine.project.summary() : null,
      recent: listRecent(dataDirectory),
      jobs: engine.jobs.list(),
      model: await engine.models.loaded
    }),
    'studio.preferences': () => readPreferences(dataDirectory),
    'studio.prefer': (wanted) => {
      keepPreferences(dataDirectory, wanted)
      return wanted
    },
    'studio.forgetRecent': ({ path }) => {
      forgetRecent(dataDirectory, path)
      return listRecent(dataDirectory)
    },
    'studio.readyToQuit': () => {
      engine.options.shell?.readyToQuit()
      return {}
    },

    'studio.showLog': async () => {
      await shell().showLog()
      return {}
    },

    'dialog.directory': (input) => shell().ask('dialog.directory', input),
    'dialog.file': (input) => shell().ask('dialog.file', input),
    'dialog.save': (input) => shell().ask('dialog.save', input),
    'dialog.openReport': async ({ evaluation }) => {
      const { table } = engine.project.evaluations.get(evaluation)
      if (table === null) throw new StudioError('bad-request', 'this evaluation has no report yet')
      // written anew: what a database names, and what lies in its folder, is not opened
      await shell().openFile(writeReport(engine.project, evaluation, table))
      return {}
    },

    'project.create': ({ directory, modelFile }) => open(() => Project.create(directory, modelFile)),
    'project.open': ({ directory }) => open(() => Project.open(directory)),
    'project.openSample': () => openSample(engine, open),
    'project.close': async () => {
      await engine.close()
      return {}
    },

    'project.stage': ({ stage }) => {
      rememberStage(dataDirectory, engine.project.directory, stage)
      return {}
    },
    'project.backup': () => engine.project.backUp(),
    'project.backups': ({ directory }) => listBackups(resolve(directory)),
    'project.restore': ({ directory, backup }) =>
      open(() => {
        restoreBackup(resolve(directory), backup)
        return Project.open(directory)
      }),

    'project.salvage': async ({ directory }) => {
      const into = salvageFolder(directory)
      const tables = salvage(resolve(directory), into)
      return { project: await open(() => Project.open(into)), tables }
    },

    'project.settings': () => {
      try {
        return stageSettingsOf(engine.project)
      } catch (error) {
        const { message } = toFailure(error)
        engine.options.tell('notice', { level: 'warning', text: `The project's settings.json cannot be used, so the forms begin with the usual settings: ${message}` })
        return stageSettings.parse({})
      }
    },

    'project.asksFor': ({ labelling, metrics }) => engine.asked.missing([...(labelling === null ? [] : labelDoors(labelling)), ...measureDoors(metrics)]),

    'model.catalogue': () => catalogue(cacheDirectory, resourcesDirectory),
    'model.inspect': ({ file }) => inspectModel(file),
    'model.choose': async ({ file }) => {
      await engine.chooseModel(file)
      return engine.project.summary()
    },
    'model.hub': ({ name }) => lookPasted(name, cacheDirectory),
    'model.downloads': () => engine.downloads.list(),
    'model.download': ({ source, use }) => engine.downloads.add(source, use ? engine.project.summary().id : null),
    'model.pauseDownload': ({ download }) => engine.downloads.pause(download),
    'model.resumeDownload': ({ download }) => engine.downloads.resume(download),
    'model.cancelDownload': async ({ download }) => {
      await engine.downloads.cancel(download)
      return {}
    },
    'model.library': () => engine.library.list(),
    'model.addFolder': ({ directory }) => {
      engine.library.addFolder(directory)
      return engine.library.list()
    },
    'model.forget': ({ path }) => {
      engine.library.forget(path)
      return engine.library.list()
    },
    'model.delete': ({ file }) => {
      if (engine.hasProject && engine.project.modelFile === file) throw new StudioError('busy', 'the open project uses this model; choose another one for it first')
      engine.library.delete(file)
      engine.downloads.forget(file)
      return engine.library.list()
    },
    'model.checksum': async ({ file }) => {
      const { file: path } = await inspectModel(file)
      if (checksumsComputed.has(file)) throw new StudioError('busy', 'the checksum of this file is being computed already')
      const abort = new AbortController()
      checksumsComputed.set(file, abort)
      let told = performance.now()
      const progress = (done: number, total: number): void => {
        if (performance.now() - told < 200) return
        told = performance.now()
        engine.options.tell('model.checksum', { file, done, total })
      }
      try {
        const checksums = await partChecksums(path, cacheDirectory, { progress, signal: abort.signal })
        return { sha256: combined(checksums), parts: checksums }
      } finally {
        checksumsComputed.delete(file)
      }
    },
    'model.cancelChecksum': ({ file }) => {
      checksumsComputed.get(file)?.abort()
      return {}
    },
    'model.plan': () => {
      const { modelFile } = engine.project
      if (modelFile === null) throw new StudioError('no-model', 'this project has no model yet')
      return engine.models.plan(modelFile)
    },
    'model.load': async () => (await engine.models.use(engine.project)).loaded,

    'device.list': () => engine.models.candidates(),
    'device.choice': () => engine.models.choice,
    'device.choose': (choice) => {
      engine.refuseWhileRunning('choosing another device')
      engine.models.choose(choice)
      engine.options.tell('model', { loaded: null, note: '' })
      return choice
    },

    'device.backends': () => furtherBackends(engine.options),
    'device.removeBackend': async ({ id }) => {
      await engine.removeBackend(id)
      return furtherBackends(engine.options)
    },

    'data.preview': (input) => previewData(input, cacheDirectory),
    'data.import': (input) => engine.jobs.start('import', input),
    'data.list': () => engine.project.datasets.list(),
    'data.examples': ({ offset, limit, ...query }) => engine.project.examples.page(query, offset, limit),
    'data.example': ({ example }) => engine.project.examples.get(example),
    'data.delete': ({ dataset, check }) => {
      engine.project.datasets.refuseUsed(dataset)
      const importing = engine.jobs.list().find(({ kind, state, subject }) => kind === 'import' && subject === dataset && (state === 'running' || state === 'paused'))
      if (importing !== undefined) throw new StudioError('busy', 'this data set is still being imported; discard the import instead')
      if (check === true) return {}
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
    'collect.delete': ({ collection, check }) => {
      const { project } = engine
      refuseUsedCollection(project, collection)
      if (check === true) return {}
      project.collections.delete(collection)
      deleteShards(project.statesDirectory, collection) // after the row: states without a row are only bytes, a row without states is a lie
      engine.tellProject()
      return {}
    },
    'collect.responses': ({ collection, ...options }) => {
      const { project } = engine
      project.collections.get(collection) // one that is not there has no empty page
      return project.responses.page(collection, options)
    },

    'reward.sources': listSources,
    'reward.start': ({ allow, ...input }) => {
      engine.asked.addShown(labelDoors(input), allow) // and checks the settings before a row keeps them: a password in an address is none to keep
      return engine.jobs.start('reward', input)
    },
    'reward.usable': () => usableRewards(engine.project),
    'reward.preview': (input) => previewLabelling(input, engine.project, engine.models, engine.secrets, engine.asked),
    'reward.summaries': ({ collection }) => rewardSummaries(engine.project, collection),
    'reward.delete': ({ collection, name, check }) => {
      refuseUsedLabelling(engine.project, collection, name)
      if (check === true) return {}
      engine.project.rewards.delete(collection, name)
      engine.tellProject()
      return {}
    },
    'reward.correlations': ({ collection }) => rewardCorrelations(engine.project, collection),

    'secret.list': async () => {
      const { safe, names } = await engine.secrets.list()
      return { safe, names: names.filter((name) => name !== tokenName) } // no key for an endpoint
    },
    'secret.set': async ({ name, value }) => {
      await engine.secrets.set(name, value)
      return {}
    },
    'secret.delete': ({ name }) => {
      engine.secrets.delete(name)
      engine.asked.forgetKey(name)
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
    'preference.delete': ({ head, check }) => {
      refuseUsedHead(engine.project, head)
      if (check === true) return {}
      engine.project.preferenceHeads.delete(head)
      engine.tellProject()
      return {}
    },

    'train.start': (input) => engine.jobs.start('train', input),
    'value.list': () => engine.project.valueFunctions.list(),
    'value.detail': ({ id }) => engine.project.valueFunctions.detail(id),
    'value.landscape': ({ id, plane, collection }) => landscapeOf(engine.project, id, plane, collection),
    'value.path': ({ id, plane, response, token, alpha, updates }) => pathOf(engine.project, { valueFunction: id, plane, response, token }, alpha, updates),
    'value.delete': ({ id, check }) => {
      refuseUsedValueFunction(engine.project, id)
      if (check === true) return {}
      engine.project.valueFunctions.delete(id)
      engine.tellProject()
      return {}
    },
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
    'value.reading': ({ id }) => engine.valueReader.values(engine.project, id),
    'value.promoted': ({ id }) => engine.valueReader.promoted(engine.project, id),
    'value.stopReading': () => {
      engine.valueReader.stop()
      return {}
    },
    'value.compare': ({ ids }) => compareValueFunctions(engine.project, ids),

    'control.methods': listMethods,
    'chat.send': (input) => {
      engine.reader.stop() // a question does not wait for what is only looked up
      engine.project.refuseMoved()
      return engine.chat.send(engine.project, input)
    },
    'chat.tokens': ({ turn, pane }) => engine.reader.tokens(engine.project, turn, pane),
    'chat.landscape': (input) => chatLandscape(engine.project, input),
    'chat.ascent': (input) => chatAscent(engine.project, engine.reader, input),
    'chat.stop': () => {
      engine.chat.stop()
      return {}
    },
    'chat.rate': ({ turn, pane, value }) => {
      engine.project.turns.rate(turn, pane, value)
      return {}
    },
    'chat.rated': () => ({ answers: engine.project.turns.rated() }),
    'chat.toDataset': () => {
      const dataset = datasetOfThumbs(engine.project)
      engine.tellProject()
      return dataset
    },
    'chat.conversations': ({ search, offset, limit }) => engine.project.conversations.page(search, offset, limit),
    'chat.path': (input) => engine.chat.path(engine.project, input),
    'chat.branch': ({ turn }) => engine.project.conversations.branch(turn),
    'chat.rename': ({ conversation, title }) => engine.project.conversations.rename(conversation, title),
    'chat.delete': ({ conversation }) => {
      engine.chat.delete(engine.project, conversation)
      return {}
    },
    'chat.export': async (input) => {
      await exportConversation(engine.project, input)
      return {}
    },
    'chat.presets': () => engine.project.panePresets.list(),
    'chat.savePreset': ({ name, methods }) => {
      engine.project.panePresets.save(name, methods)
      return engine.project.panePresets.list()
    },
    'chat.renamePreset': ({ id, name }) => {
      engine.project.panePresets.rename(id, name)
      return engine.project.panePresets.list()
    },
    'chat.deletePreset': ({ id }) => {
      engine.project.panePresets.delete(id)
      return engine.project.panePresets.list()
    },

    'server.state': () => engine.server.state,
    'server.start': ({ port }) => engine.server.start(port),
    'server.stop': () => engine.server.stop(),
    'server.token': async ({ renew }) => {
      const { token } = engine.server
      return { token: await (renew ? token.renew() : token.get()), kept: token.kept }
    },

    'evaluate.start': ({ allow, ...input }) => {
      const settings = completeStudy(input, engine.project)
      engine.asked.addShown(evaluationDoors(input), allow) // and checks, as above
      return engine.jobs.start('evaluate', settings)
    },
    'evaluate.metrics': listMetrics,
    'evaluate.extend': ({ allow, ...input }) => {
      extended(engine.project, input) // what cannot be is told at once
      engine.asked.addShown(measureDoors(input.metrics), allow)
      return engine.jobs.start('evaluate', input)
    },
    'evaluate.compare': (input) => compareColumns(engine.project, input),
    'evaluate.export': async (input) => {
      await exportEvaluation(engine.project, input)
      return {}
    },
    'evaluate.delete': ({ evaluation, check }) => {
      refuseBusyEvaluation(engine.project, evaluation)
      if (check === true) return {}
      engine.project.evaluations.delete(evaluation)
      engine.tellProject()
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
