/** The one contract between window and engine: every method with the schemas of what goes in and what comes out. */
import { z } from 'zod'
import * as chat from './chat.ts'
import * as collect from './collect.ts'
import * as control from './control.ts'
import * as data from './data.ts'
import * as device from './device.ts'
import * as evaluate from './evaluate.ts'
import { job } from './job.ts'
import * as landscape from './landscape.ts'
import * as learned from './learned.ts'
import * as models from './models.ts'
import * as pipeline from './pipeline.ts'
import * as preference from './preference.ts'
import * as project from './project.ts'
import * as rating from './rating.ts'
import * as reward from './reward.ts'
import * as server from './server.ts'
import * as shared from './shared.ts'
import * as shell from './shell.ts'
import * as value from './value.ts'

const nothing = z.object({})
const page = { offset: z.int().min(0).default(0), limit: z.int().min(1).max(500).default(100) }
const file = z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a path holds no null characters')

export const methods = {
  /** Where things stand; asked once when a window connects. */
  'studio.state': {
    input: nothing,
    output: z.object({
      version: z.string(),
      project: project.project.nullable(),
      recent: z.array(shell.recentProject),
      jobs: z.array(job),
      model: device.loadedModel.nullable()
    })
  },
  'studio.preferences': { input: nothing, output: shell.preferences },
  'studio.prefer': { input: shell.preferences, output: shell.preferences },
  /** Takes a project out of the list of recent ones; its folder stays as it is. */
  'studio.forgetRecent': { input: z.object({ path: file }), output: z.array(shell.recentProject) },
  /** The window's answer to `quitting`: nothing of what it wants done is left to ask for. */
  'studio.readyToQuit': { input: nothing, output: nothing },

  /** Shows the log in the system's file browser. */
  'studio.showLog': { input: nothing, output: nothing },

  // Native dialogs; null when the person cancels.
  'dialog.directory': { input: z.object({ title: z.string() }), output: z.string().nullable() },
  'dialog.file': { input: z.object({ title: z.string(), extensions: z.array(z.string()) }), output: z.string().nullable() },
  'dialog.save': { input: z.object({ title: z.string(), name: z.string(), extensions: z.array(z.string()) }), output: z.string().nullable() },
  /** Opens a report that the studio wrote in the system's browser. */
  'dialog.openReport': { input: z.object({ evaluation: shared.id }), output: nothing },

  'project.create': { input: z.object({ directory: file, modelFile: file.nullable().default(null) }), output: project.project },
  'project.open': { input: z.object({ directory: file }), output: project.project },
  /** Makes the sample project in the studio's own folder, or opens it again. */
  'project.openSample': { input: nothing, output: project.project },
  'project.close': { input: nothing, output: nothing },
  /** Remembers the stage that is in front, for the next time that this project is opened. */
  'project.stage': { input: z.object({ stage: project.stageName }), output: nothing },
  /** Copies the open project's database, states not included, into its backups/ folder. */
  'project.backup': { input: nothing, output: project.backup },
  /** Of a project that need not be open, or whole; newest first. */
  'project.backups': { input: z.object({ directory: file }), output: z.array(project.backup) },
  /** Puts a backup in the place of the project's database, which is set aside in the same folder, and opens the project. */
  'project.restore': { input: z.object({ directory: file, backup: z.string().min(1).max(200) }), output: project.project },
  /** Copies what can be read of a damaged project into a new one beside it, which it opens; the damaged one stays as it is. */
  'project.salvage': { input: z.object({ directory: file }), output: z.object({ project: project.project, tables: z.array(project.salvagedTable) }) },
  /** What the forms of the open project begin with. */
  'project.settings': { input: nothing, output: pipeline.stageSettings },
  /** What these settings would run or send to that nobody on this machine has asked for, in words, in full; as `allow` they say that a person has read them. */
  'project.asksFor': {
    input: z.object({ labelling: reward.labelSettings.pick({ source: true, settings: true }).nullable().default(null), metrics: z.array(evaluate.metricChoice).max(32).default([]) }),
    output: z.array(z.string())
  },

  'model.catalogue': { input: nothing, output: z.array(models.catalogueModel) },
  'model.inspect': { input: z.object({ file }), output: models.modelFacts },
  'model.choose': { input: z.object({ file }), output: project.project },
  /** Asks for what was pasted: a model of the hub or a file of it, by name or address, or the address of a GGUF file anywhere. */
  'model.hub': { input: z.object({ name: z.string().min(1).max(2000) }), output: models.pastedModel },
  /** The queue of downloads, of this machine and not of a project. */
  'model.downloads': { input: nothing, output: z.array(models.modelDownload) },
  /** Puts a model into the queue, where it is not there yet; `use`: the open project is to use it at its end. */
  'model.download': { input: z.object({ source: models.modelSource, use: z.boolean().default(false) }), output: models.modelDownload },
  'model.pauseDownload': { input: z.object({ download: shared.id }), output: models.modelDownload },
  /** Goes on with a paused or failed one, from the bytes that are here. */
  'model.resumeDownload': { input: z.object({ download: shared.id }), output: models.modelDownload },
  /** Takes it out of the queue; what has come of an unfinished one is deleted. */
  'model.cancelDownload': { input: z.object({ download: shared.id }), output: nothing },
  /** The models on this machine: of the studio's own folder, of the folders that were added, and files that were chosen. */
  'model.library': { input: nothing, output: models.modelLibrary },
  'model.addFolder': { input: z.object({ directory: file }), output: models.modelLibrary },
  /** Takes a folder, or a file that was chosen by itself, out of the list; nothing is deleted. */
  'model.forget': { input: z.object({ path: file }), output: models.modelLibrary },
  /** Deletes a model of the studio's own folder. */
  'model.delete': { input: z.object({ file }), output: models.modelLibrary },
  /**
   * SHA-256 of a model, told with `model.checksum` on the way; remembered as long as its files do not change. Where it has
   * several, `parts` are theirs and `sha256` is that of their list, a line each.
   */
  'model.checksum': { input: z.object({ file }), output: z.object({ sha256: z.string(), parts: z.array(z.string()) }) },
  /** The request fails with 'cancelled' then; nothing happens where none runs. */
  'model.cancelChecksum': { input: z.object({ file }), output: nothing },
  /** How the project's model would be loaded now; fails where loading would. */
  'model.plan': { input: nothing, output: device.loadPlan },
  /** Loads the project's model in the model host, if it is not there already. */
  'model.load': { input: nothing, output: device.loadedModel },

  /** Every backend with its devices, or why it cannot be used here. */
  'device.list': { input: nothing, output: z.array(device.deviceCandidate) },
  /** How models are to run on this machine. */
  'device.choice': { input: nothing, output: device.deviceChoice },
  /** Keeps the choice and unloads the model, so that the next use follows it. */
  'device.choose': { input: device.deviceChoice, output: device.deviceChoice },
  /** The backends that the studio does not bring along; `model.download` fetches them. */
  'device.backends': { input: nothing, output: z.array(device.furtherBackend) },
  /** Deletes one that was fetched, and what adds to it; a model that runs on it is unloaded. */
  'device.removeBackend': { input: z.object({ id: device.furtherBackendId }), output: z.array(device.furtherBackend) },

  'data.preview': { input: data.importSettings, output: data.dataPreview },
  'data.import': { input: data.importSettings, output: job },
  'data.list': { input: nothing, output: z.array(data.dataset) },
  /** Refused while collections or studies are made of it. With `check` nothing is deleted: it only says whether it may be. */
  'data.delete': { input: z.object({ dataset: shared.id, check: z.boolean().optional() }), output: nothing },
  'data.examples': {
    input: z.object({ dataset: shared.id, filter: data.exampleFilter.prefault({}), order: data.exampleOrder.default('line'), ...page }),
    /** `exact` is false where counting all would take too long: there are `total` or more. */
    output: z.object({ total: z.int(), exact: z.boolean(), examples: z.array(data.exampleRow) })
  },
  'data.example': { input: z.object({ example: shared.id }), output: data.example },
  'data.rejected': { input: z.object({ dataset: shared.id, ...page }), output: z.array(data.rejectedRow) },
  /** The prompt exactly as the model gets it: with the model's chat template, special tokens as text. */
  'data.rendered': { input: z.object({ messages: z.array(data.message).min(1) }), output: z.object({ text: z.string(), tokens: z.int() }) },
  /** Asks the hub for a data set's files: owner/name, owner/name@revision or its address. */
  'data.hub': { input: z.object({ name: z.string().min(1).max(500) }), output: data.hubDataset },
  /** Fetches one file of the hub into the cache; an interrupted fetch goes on where it was. */
  'data.fetch': { input: z.object({ file: data.dataFile }), output: job },
  'data.export': { input: data.exportSettings, output: job },

  'collect.estimate': {
    input: collect.collectSettings,
    output: z.object({
      responses: z.int(),
      /** examples without a response of the kind that is wanted */
      leftOut: z.int(),
      maxTokens: z.number(),
      /** Upper bound for the state shards. */
      bytes: z.number(),
      diskFree: z.number(),
      /** null until a rate was seen with this model. */
      seconds: z.number().nullable()
    })
  },
  'collect.start': { input: collect.collectSettings, output: job },
  'collect.export': { input: collect.exportStatesSettings, output: job },
  'collect.import': { input: collect.importStatesSettings, output: job },
  'collect.list': { input: nothing, output: z.array(collect.collection) },
  /** With its responses, rewards and states; refused while value functions or a job need it. */
  'collect.delete': { input: z.object({ collection: shared.id, check: z.boolean().optional() }), output: nothing },
  'collect.responses': {
    input: z.object({ collection: shared.id, source: z.string().nullable().default(null), order: z.enum(['collected', 'best', 'worst']).default('collected'), ...page }),
    output: z.object({ total: z.int(), responses: z.array(collect.response) })
  },

  'reward.sources': { input: nothing, output: z.array(reward.rewardSource) },
  /** What an evaluation can score with: names that are labelled in the project, then sources that need no settings. */
  'reward.usable': { input: nothing, output: z.array(z.object({ name: z.string(), title: z.string() })) },
  'reward.preview': { input: reward.labelSettings, output: reward.rewardPreview },
  'reward.start': { input: reward.labelSettings.extend({ allow: shared.allow }), output: job },
  /** One entry a name that anything in the collection is labelled under. */
  'reward.summaries': { input: z.object({ collection: shared.id }), output: z.array(reward.rewardSummary) },
  /** With all labels under that name in the collection, those of earlier settings too; refused while something is made with them. */
  'reward.delete': { input: z.object({ collection: shared.id, name: reward.rewardName, check: z.boolean().optional() }), output: nothing },
  'reward.correlations': { input: z.object({ collection: shared.id }), output: z.array(reward.rewardCorrelation) },

  /** Where keys are kept: by name, never read back. `safe` is false where the system has no keychain: then none is kept. */
  'secret.list': { input: nothing, output: z.object({ safe: z.boolean(), names: z.array(z.string()) }) },
  'secret.set': { input: z.object({ name: reward.keyName, value: z.string().min(1).max(10_000) }), output: nothing },
  'secret.delete': { input: z.object({ name: z.string() }), output: nothing },

  /** What this person rates next; null when everything is rated. */
  'people.next': { input: z.object({ collection: shared.id, mode: z.enum(['single', 'pair']), rater: z.string().min(1).max(60) }), output: rating.ratingTask.nullable() },
  'people.rate': { input: z.object({ responses: z.array(shared.id).min(1).max(2), value: rating.ratingValue, rater: z.string().min(1).max(60) }), output: z.object({ rating: shared.id }) },
  'people.undo': { input: z.object({ rating: shared.id }), output: nothing },
  'people.summary': { input: z.object({ collection: shared.id, mode: z.enum(['single', 'pair']), rater: z.string().min(1).max(60) }), output: rating.ratingSummary },

  'preference.train': { input: preference.preferenceSettings, output: job },
  'preference.list': { input: nothing, output: z.array(preference.preferenceHead) },
  /** Refused while rewards or evaluations are made with it. */
  'preference.delete': { input: z.object({ head: shared.id, check: z.boolean().optional() }), output: nothing },

  'train.start': { input: value.trainSettings, output: job },
  'value.list': { input: nothing, output: z.array(value.valueFunction) },
  'value.detail': { input: z.object({ id: shared.id }), output: value.valueFunctionDetail },
  /** collection null: the one that it was trained on. */
  'value.landscape': { input: z.object({ id: shared.id, plane: landscape.landscapePlane.default('components'), collection: shared.id.nullable().default(null) }), output: landscape.landscape },
  'value.path': {
    input: z.object({ id: shared.id, plane: landscape.landscapePlane.default('components'), response: shared.id, token: z.int().min(0).max(1_000_000), alpha: z.number().positive().max(1000), updates: z.int().min(1).max(500) }),
    output: landscape.landscapePath
  },
  /** Refused while an evaluation or a job needs it. */
  'value.delete': { input: z.object({ id: shared.id, check: z.boolean().optional() }), output: nothing },
  /** As safetensors with the public code's names. */
  'value.export': { input: z.object({ id: shared.id, file }), output: nothing },
  /** Safetensors, or a state_dict that torch.save wrote (.pth): read as data, never run. */
  'value.import': { input: z.object({ file }), output: z.object({ valueFunction: shared.id }) },
  /** V along unseen responses: those with the smallest, the median and the largest error, or one of them. */
  'value.along': { input: z.object({ id: shared.id, response: shared.id.nullable().default(null) }), output: z.array(value.valueAlong) },
  'value.compare': { input: z.object({ ids: z.array(shared.id).min(2).max(20) }), output: value.valueComparison },
  /** V over all states of its collection, told with `value.progress` on the way; no model is needed. Of two such readings the later one ends the other. */
  'value.reading': { input: z.object({ id: shared.id }), output: learned.valueReading },
  /** The tokens that a move along V's mean gradient makes likelier and less likely: the project's model is loaded for it. As `value.reading` otherwise. */
  'value.promoted': { input: z.object({ id: shared.id }), output: learned.promotedTokens },
  /** Ends what `value.reading` and `value.promoted` do: they fail with `cancelled`. */
  'value.stopReading': { input: nothing, output: nothing },

  'control.methods': { input: nothing, output: z.array(control.steeringMethod) },

  /**
   * Answers one prompt in every pane at once, from the same seed; tokens arrive as chat.token events. A pane goes on with
   * its own earlier answers; where it has none in an earlier turn, with those of the first pane that has.
   */
  'chat.send': {
    input: z.object({
      prompt: z.string().min(1).max(100_000),
      /** null: a new one, unless the parent is in one */
      conversation: shared.id.nullable().default(null),
      /** the turn that it goes on from; null: it begins the conversation, beside other beginnings */
      parent: shared.id.nullable().default(null),
      panes: chat.panePreset.shape.methods,
      maxTokens: z.int().min(1).max(4096).default(128),
      deterministic: z.boolean().default(false),
      seed: z.int().min(0).max(0xffffffff).default(1),
      sampling: shared.sampling.prefault({})
    }),
    output: z.object({ turn: shared.id, conversation: shared.id })
  },
  'chat.stop': { input: nothing, output: nothing },
  /** Those that went on last first; `search`: words that one turn or the title has, each as the beginning of a word. */
  'chat.conversations': { input: z.object({ search: z.string().max(1000).default(''), ...page }), output: z.object({ total: z.int(), conversations: z.array(chat.conversation) }) },
  /**
   * A way through a conversation: to the turn `through` (null: the newest of all), and from it on always the newest; the
   * last `limit` turns of it. `before`: those that lead to that turn instead.
   */
  'chat.path': {
    input: z.object({ conversation: shared.id, through: shared.id.nullable().default(null), before: shared.id.nullable().default(null), limit: z.int().min(1).max(100).default(20) }),
    output: z.object({
      conversation: chat.conversation,
      turns: z.array(chat.chatTurn),
      earlier: z.boolean(),
      /** the turn that is being answered now, with what it has so far */
      answering: shared.id.nullable()
    })
  },
  /** A new conversation with the turns up to this one. */
  'chat.branch': { input: z.object({ turn: shared.id }), output: chat.conversation },
  'chat.rename': { input: z.object({ conversation: shared.id, title: chat.conversationTitle }), output: chat.conversation },
  /** With its thumbs; data sets that were made of them stay. Refused while one of its turns is being answered. */
  'chat.delete': { input: z.object({ conversation: shared.id }), output: nothing },
  /** `turn`: of which way through the conversation; null: the newest. */
  'chat.export': { input: z.object({ conversation: shared.id, turn: shared.id.nullable().default(null), format: chat.conversationFormat, file }), output: nothing },

  'chat.presets': { input: nothing, output: z.array(chat.panePreset) },
  /** Instead of what has that name. */
  'chat.savePreset': { input: chat.panePreset.omit({ id: true }), output: z.array(chat.panePreset) },
  'chat.renamePreset': { input: chat.panePreset.omit({ methods: true }), output: z.array(chat.panePreset) },
  'chat.deletePreset': { input: chat.panePreset.pick({ id: true }), output: z.array(chat.panePreset) },

  /** Reads an answer that has ended once more, for what the base model says of its tokens; kept with the answer. */
  'chat.tokens': { input: z.object({ turn: shared.id, pane: z.int().min(0).max(3) }), output: chat.answerReading },
  /** The value function that an answer was steered by, or else another one of its turn, over the states that it was trained on. */
  'chat.landscape': { input: z.object({ turn: shared.id, pane: z.int().min(0).max(3), plane: landscape.landscapePlane.default('components') }), output: landscape.landscape },
  /** The way of the state that a token was drawn from, by the pane's own control; only its place where the pane edits nothing. */
  'chat.ascent': { input: z.object({ turn: shared.id, pane: z.int().min(0).max(3), token: z.int().min(0).max(1_000_000), plane: landscape.landscapePlane.default('components') }), output: landscape.landscapePath },

  /** Thumbs for one answer; null takes them back. */
  'chat.rate': { input: z.object({ turn: shared.id, pane: z.int().min(0).max(3), value: rating.ratingValue.nullable() }), output: nothing },
  /** How many answers have a thumb. */
  'chat.rated': { input: nothing, output: z.object({ answers: z.int() }) },
  /** The answers with thumbs as a new data set: its collections are what a value function trains on. */
  'chat.toDataset': { input: nothing, output: data.dataset },

  'server.state': { input: nothing, output: server.serverState },
  /** Listens on 127.0.0.1 and ::1; port null: the one of the last time. */
  'server.start': { input: z.object({ port: z.int().min(1).max(65535).nullable().default(null) }), output: server.serverState },
  'server.stop': { input: nothing, output: server.serverState },
  /** What clients send as "Authorization: Bearer"; renew: makes another one, and the old one is of no use any more. */
  'server.token': { input: z.object({ renew: z.boolean().default(false) }), output: z.object({ token: z.string(), kept: z.boolean() }) },

  'evaluate.metrics': { input: nothing, output: z.array(evaluate.metric) },
  'evaluate.start': { input: evaluate.evaluateSettings.extend({ allow: shared.allow }), output: job },
  /** A finished evaluation with more methods, metrics or seeds: only what is missing is generated and measured. */
  'evaluate.extend': { input: evaluate.evaluationExtension.extend({ allow: shared.allow }), output: job },
  /** Two columns of the same or of two evaluations over the prompts that both answered: b minus a; of the reward, of diversity, or of a metric by its label. */
  'evaluate.compare': {
    input: z.object({ a: z.object({ evaluation: shared.id, method: z.int().min(0) }), b: z.object({ evaluation: shared.id, method: z.int().min(0) }), measure: z.string().nullable().default(null) }),
    output: evaluate.comparison
  },
  /** csv: a row a response; settings: what evaluates the same again. */
  'evaluate.export': { input: z.object({ evaluation: shared.id, format: evaluate.evaluationFormat, file: z.string().min(1).max(4096) }), output: nothing },
  /** With its responses and figures; the report that was written stays. Refused while a job works on it. */
  'evaluate.delete': { input: z.object({ evaluation: shared.id, check: z.boolean().optional() }), output: nothing },
  'evaluate.list': { input: nothing, output: z.array(evaluate.evaluation) },
  /** `order` null: as the data set has them. */
  'evaluate.responses': { input: z.object({ evaluation: shared.id, order: evaluate.responseOrder.nullable().default(null), ...page }), output: z.object({ total: z.int(), responses: z.array(evaluate.evaluationResponse) }) },

  'jobs.pause': { input: z.object({ job: shared.id }), output: job },
  'jobs.resume': { input: z.object({ job: shared.id }), output: job },
  /** Stops and keeps what is finished. */
  'jobs.stop': { input: z.object({ job: shared.id }), output: job },
  /** Stops and deletes what the job made. */
  'jobs.discard': { input: z.object({ job: shared.id }), output: job }
} as const

export type Methods = typeof methods
export type MethodName = keyof Methods
export type Input<M extends MethodName> = z.input<Methods[M]['input']>
export type Parsed<M extends MethodName> = z.output<Methods[M]['input']>
export type Output<M extends MethodName> = z.output<Methods[M]['output']>

/** What the engine tells without being asked. */
export const events = {
  job,
  /** The project's counts, name or model changed. */
  project: project.project.nullable(),
  /** Files of states that nothing refers to any more were found when a project was opened: removed, or set aside in states/set-aside/. */
  'project.swept': z.object({ removed: z.int(), bytes: z.number(), setAside: z.int() }),
  model: z.object({ loaded: device.loadedModel.nullable(), note: z.string() }),
  'model.downloads': z.array(models.modelDownload),
  'model.library': models.modelLibrary,
  'model.checksum': z.object({ file: z.string(), done: z.number(), total: z.number() }),
  'collect.sample': z.object({ collection: shared.id, prompt: z.string(), text: z.string() }),
  'train.epoch': z.object({ job: shared.id, epoch: value.epoch }),
  /** All of a training's so far. */
  'train.samples': z.object({ job: shared.id, samples: value.trainingSamples }),
  'value.progress': learned.readingProgress,
  'chat.token': z.object({ turn: shared.id, pane: z.int(), step: control.tokenStep }),
  'chat.pane': chat.answerEnd.extend({ turn: shared.id, pane: z.int(), text: z.string() }),
  'chat.done': z.object({ turn: shared.id, failure: z.string().nullable() }),
  /** A command of the native menu. */
  menu: z.object({ command: shell.menuCommand }),
  /** The app is about to end: answered with studio.readyToQuit. */
  quitting: nothing,
  server: server.serverState,
  notice: z.object({ level: z.enum(['info', 'warning', 'error']), text: z.string(), details: z.string().optional() })
} as const

export type Events = typeof events
export type EventName = keyof Events
export type EventPayload<N extends EventName> = z.output<Events[N]>
export type AnyEvent = { [N in EventName]: { event: N; payload: EventPayload<N> } }[EventName]
