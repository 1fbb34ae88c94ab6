/** The one contract between window and engine: every method with the schemas of what goes in and what comes out. */
import { z } from 'zod'
import * as d from './device.ts'
import * as e from './entities.ts'
import { job } from './job.ts'

const nothing = z.object({})
const page = { offset: z.int().min(0).default(0), limit: z.int().min(1).max(500).default(100) }
const file = z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a path holds no null characters')

export const methods = {
  /** Where things stand; asked once when a window connects. */
  'studio.state': {
    input: nothing,
    output: z.object({
      version: z.string(),
      project: e.project.nullable(),
      recent: z.array(z.object({ name: z.string(), path: z.string() })),
      jobs: z.array(job),
      model: d.loadedModel.nullable()
    })
  },

  // Native dialogs; null when the person cancels.
  'dialog.directory': { input: z.object({ title: z.string() }), output: z.string().nullable() },
  'dialog.file': { input: z.object({ title: z.string(), extensions: z.array(z.string()) }), output: z.string().nullable() },
  'dialog.save': { input: z.object({ title: z.string(), name: z.string(), extensions: z.array(z.string()) }), output: z.string().nullable() },
  /** Opens a report that the studio wrote in the system's browser. */
  'dialog.openReport': { input: z.object({ evaluation: e.id }), output: nothing },

  'project.create': { input: z.object({ directory: file, modelFile: file.nullable().default(null) }), output: e.project },
  'project.open': { input: z.object({ directory: file }), output: e.project },
  /** Makes the sample project in the studio's own folder, or opens it again. */
  'project.openSample': { input: nothing, output: e.project },
  'project.close': { input: nothing, output: nothing },
  /** What the forms of the open project begin with. */
  'project.settings': { input: nothing, output: e.stageSettings },

  'model.catalogue': { input: nothing, output: z.array(e.catalogueModel) },
  'model.inspect': { input: z.object({ file }), output: e.modelFacts },
  'model.choose': { input: z.object({ file }), output: e.project },
  'model.fetch': { input: z.object({ id: z.string() }), output: job },
  /** How the project's model would be loaded now; fails where loading would. */
  'model.plan': { input: nothing, output: d.loadPlan },
  /** Loads the project's model in the model host, if it is not there already. */
  'model.load': { input: nothing, output: d.loadedModel },

  /** Every backend with its devices, or why it cannot be used here. */
  'device.list': { input: nothing, output: z.array(d.deviceCandidate) },
  /** How models are to run on this machine. */
  'device.choice': { input: nothing, output: d.deviceChoice },
  /** Keeps the choice and unloads the model, so that the next use follows it. */
  'device.choose': { input: d.deviceChoice, output: d.deviceChoice },

  'data.preview': { input: e.importSettings, output: e.dataPreview },
  'data.import': { input: e.importSettings, output: job },
  'data.list': { input: nothing, output: z.array(e.dataset) },
  /** Refused while collections or studies are made of it. */
  'data.delete': { input: z.object({ dataset: e.id }), output: nothing },
  'data.examples': {
    input: z.object({ dataset: e.id, filter: e.exampleFilter.prefault({}), order: e.exampleOrder.default('line'), ...page }),
    /** `exact` is false where counting all would take too long: there are `total` or more. */
    output: z.object({ total: z.int(), exact: z.boolean(), examples: z.array(e.exampleRow) })
  },
  'data.example': { input: z.object({ example: e.id }), output: e.example },
  'data.rejected': { input: z.object({ dataset: e.id, ...page }), output: z.array(e.rejectedRow) },
  /** The prompt exactly as the model gets it: with the model's chat template, special tokens as text. */
  'data.rendered': { input: z.object({ messages: z.array(e.message).min(1) }), output: z.object({ text: z.string(), tokens: z.int() }) },
  /** Asks the hub for a data set's files: owner/name, owner/name@revision or its address. */
  'data.hub': { input: z.object({ name: z.string().min(1).max(500) }), output: e.hubDataset },
  /** Fetches one file of the hub into the cache; an interrupted fetch goes on where it was. */
  'data.fetch': { input: z.object({ file: e.dataFile }), output: job },
  'data.export': { input: e.exportSettings, output: job },

  'collect.estimate': {
    input: e.collectSettings,
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
  'collect.start': { input: e.collectSettings, output: job },
  'collect.export': { input: e.exportStatesSettings, output: job },
  'collect.import': { input: e.importStatesSettings, output: job },
  'collect.list': { input: nothing, output: z.array(e.collection) },
  'collect.responses': {
    input: z.object({ collection: e.id, source: z.string().nullable().default(null), order: z.enum(['collected', 'best', 'worst']).default('collected'), ...page }),
    output: z.object({ total: z.int(), responses: z.array(e.response) })
  },

  'reward.sources': { input: nothing, output: z.array(e.rewardSource) },
  /** What an evaluation can score with: names that are labelled in the project, then sources that need no settings. */
  'reward.usable': { input: nothing, output: z.array(z.object({ name: z.string(), title: z.string() })) },
  'reward.preview': { input: e.labelSettings, output: e.rewardPreview },
  'reward.start': { input: e.labelSettings, output: job },
  /** One entry a name that anything in the collection is labelled under. */
  'reward.summaries': { input: z.object({ collection: e.id }), output: z.array(e.rewardSummary) },
  'reward.correlations': { input: z.object({ collection: e.id }), output: z.array(e.rewardCorrelation) },

  /** Where keys are kept: by name, never read back. `safe` is false where the system has no keychain: then none is kept. */
  'secret.list': { input: nothing, output: z.object({ safe: z.boolean(), names: z.array(z.string()) }) },
  'secret.set': { input: z.object({ name: e.keyName, value: z.string().min(1).max(10_000) }), output: nothing },
  'secret.delete': { input: z.object({ name: z.string() }), output: nothing },

  /** What this person rates next; null when everything is rated. */
  'people.next': { input: z.object({ collection: e.id, mode: z.enum(['single', 'pair']), rater: z.string().min(1).max(60) }), output: e.ratingTask.nullable() },
  'people.rate': { input: z.object({ responses: z.array(e.id).min(1).max(2), value: e.ratingValue, rater: z.string().min(1).max(60) }), output: z.object({ rating: e.id }) },
  'people.undo': { input: z.object({ rating: e.id }), output: nothing },
  'people.summary': { input: z.object({ collection: e.id, mode: z.enum(['single', 'pair']), rater: z.string().min(1).max(60) }), output: e.ratingSummary },

  'preference.train': { input: e.preferenceSettings, output: job },
  'preference.list': { input: nothing, output: z.array(e.preferenceHead) },

  'train.start': { input: e.trainSettings, output: job },
  'value.list': { input: nothing, output: z.array(e.valueFunction) },
  'value.detail': { input: z.object({ id: e.id }), output: e.valueFunctionDetail },
  /** collection null: the one that it was trained on. */
  'value.landscape': { input: z.object({ id: e.id, plane: e.landscapePlane.default('components'), collection: e.id.nullable().default(null) }), output: e.landscape },
  'value.path': {
    input: z.object({ id: e.id, plane: e.landscapePlane.default('components'), response: e.id, token: z.int().min(0).max(1_000_000), alpha: z.number().positive().max(1000), updates: z.int().min(1).max(500) }),
    output: e.landscapePath
  },
  /** As safetensors with the public code's names. */
  'value.export': { input: z.object({ id: e.id, file }), output: nothing },
  /** Safetensors, or a state_dict that torch.save wrote (.pth): read as data, never run. */
  'value.import': { input: z.object({ file }), output: z.object({ valueFunction: e.id }) },
  /** V along unseen responses: those with the smallest, the median and the largest error, or one of them. */
  'value.along': { input: z.object({ id: e.id, response: e.id.nullable().default(null) }), output: z.array(e.valueAlong) },
  'value.compare': { input: z.object({ ids: z.array(e.id).min(2).max(20) }), output: e.valueComparison },

  'control.methods': { input: nothing, output: z.array(e.steeringMethod) },

  /** Answers one prompt in every pane at once, from the same seed; tokens arrive as chat.token events. */
  'chat.send': {
    input: z.object({
      prompt: z.string().min(1).max(100_000),
      panes: z.array(e.methodChoice).min(1).max(4),
      maxTokens: z.int().min(1).max(4096).default(128),
      deterministic: z.boolean().default(false),
      seed: z.int().min(0).max(0xffffffff).default(1),
      sampling: e.sampling.prefault({})
    }),
    output: z.object({ turn: e.id })
  },
  'chat.stop': { input: nothing, output: nothing },
  'chat.turns': {
    input: z.object({ ...page }),
    output: z.array(e.chatTurn)
  },

  /** Thumbs for one answer; null takes them back. */
  'chat.rate': { input: z.object({ turn: e.id, pane: z.int().min(0).max(3), value: e.ratingValue.nullable() }), output: nothing },
  /** How many answers have a thumb. */
  'chat.rated': { input: nothing, output: z.object({ answers: z.int() }) },
  /** The answers with thumbs as a new data set: its collections are what a value function trains on. */
  'chat.toDataset': { input: nothing, output: e.dataset },

  'server.state': { input: nothing, output: e.serverState },
  /** Listens on 127.0.0.1 and ::1; port null: the one of the last time. */
  'server.start': { input: z.object({ port: z.int().min(1).max(65535).nullable().default(null) }), output: e.serverState },
  'server.stop': { input: nothing, output: e.serverState },
  /** What clients send as "Authorization: Bearer"; renew: makes another one, and the old one is of no use any more. */
  'server.token': { input: z.object({ renew: z.boolean().default(false) }), output: z.object({ token: z.string(), kept: z.boolean() }) },

  'evaluate.metrics': { input: nothing, output: z.array(e.metric) },
  'evaluate.start': { input: e.evaluateSettings, output: job },
  /** A finished evaluation with more methods, metrics or seeds: only what is missing is generated and measured. */
  'evaluate.extend': { input: e.evaluationExtension, output: job },
  /** Two columns of the same or of two evaluations over the prompts that both answered: b minus a; of the reward, of diversity, or of a metric by its label. */
  'evaluate.compare': {
    input: z.object({ a: z.object({ evaluation: e.id, method: z.int().min(0) }), b: z.object({ evaluation: e.id, method: z.int().min(0) }), measure: z.string().nullable().default(null) }),
    output: e.comparison
  },
  /** csv: a row a response; settings: what evaluates the same again. */
  'evaluate.export': { input: z.object({ evaluation: e.id, format: e.evaluationFormat, file: z.string().min(1).max(4096) }), output: nothing },
  'evaluate.list': { input: nothing, output: z.array(e.evaluation) },
  /** `order` null: as the data set has them. */
  'evaluate.responses': { input: z.object({ evaluation: e.id, order: e.responseOrder.nullable().default(null), ...page }), output: z.object({ total: z.int(), responses: z.array(e.evaluationResponse) }) },

  'jobs.pause': { input: z.object({ job: e.id }), output: job },
  'jobs.resume': { input: z.object({ job: e.id }), output: job },
  /** Stops and keeps what is finished. */
  'jobs.stop': { input: z.object({ job: e.id }), output: job },
  /** Stops and deletes what the job made. */
  'jobs.discard': { input: z.object({ job: e.id }), output: job }
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
  project: e.project.nullable(),
  model: z.object({ loaded: d.loadedModel.nullable(), note: z.string() }),
  'collect.sample': z.object({ collection: e.id, prompt: z.string(), text: z.string() }),
  'train.epoch': z.object({ job: e.id, epoch: e.epoch }),
  /** All of a training's so far. */
  'train.samples': z.object({ job: e.id, samples: e.trainingSamples }),
  'chat.token': z.object({ turn: e.id, pane: z.int(), step: e.tokenStep }),
  'chat.pane': e.answerEnd.extend({ turn: e.id, pane: z.int(), text: z.string() }),
  'chat.done': z.object({ turn: e.id, failure: z.string().nullable() }),
  server: e.serverState,
  notice: z.object({ level: z.enum(['info', 'warning', 'error']), text: z.string(), details: z.string().optional() })
} as const

export type Events = typeof events
export type EventName = keyof Events
export type EventPayload<N extends EventName> = z.output<Events[N]>
export type AnyEvent = { [N in EventName]: { event: N; payload: EventPayload<N> } }[EventName]
