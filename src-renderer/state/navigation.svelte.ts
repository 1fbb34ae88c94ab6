/** Which stage is in front, and what each stage of the method says of itself. */
import type { StageName } from '../../src-main/contract/project.ts'
import type { JobKind } from '../../src-main/contract/job.ts'
import { call } from './connection.ts'
import { downloads } from './downloads.svelte.ts'
import { jobs } from './jobs.svelte.ts'
import { notices } from './notices.svelte.ts'
import { studio } from './studio.svelte.ts'

/** What is in front of the stage, one at a time. */
export type Sheet = 'help' | 'shortcuts' | 'settings' | 'about'

export type StageState = 'empty' | 'ready' | 'running' | 'done' | 'blocked'

export interface Stage {
  name: StageName
  title: string
}

export const stages: readonly Stage[] = [
  { name: 'model', title: 'Model' },
  { name: 'data', title: 'Data' },
  { name: 'collect', title: 'Collect' },
  { name: 'reward', title: 'Reward' },
  { name: 'train', title: 'Train' },
  { name: 'chat', title: 'Chat' },
  { name: 'evaluate', title: 'Evaluate' }
]

/** The jobs whose work a stage shows. */
export function jobKindsOf(stage: StageName): readonly JobKind[] {
  const kinds: Record<StageName, readonly JobKind[]> = {
    model: [],
    data: ['import', 'fetch-data', 'export'],
    collect: ['collect', 'import-states', 'export-states'],
    reward: ['reward', 'preference'],
    train: ['train'],
    chat: [],
    evaluate: ['evaluate']
  }
  return kinds[stage]
}

export interface Missing {
  text: string
  stage: StageName
  action: string
}

const noModel: Missing = { text: 'There is no model yet to generate with.', stage: 'model', action: 'Go to Model' }
const absentModel: Missing = { text: 'The model\'s file is not there (yet).', stage: 'model', action: 'Go to Model' }
const noData: Missing = { text: 'There is no data set yet to take prompts from.', stage: 'data', action: 'Go to Data' }
const noResponses: Missing = { text: 'There are no responses yet to label.', stage: 'collect', action: 'Go to Collect' }
const noRewards: Missing = { text: 'There are no rewards yet to learn from.', stage: 'reward', action: 'Go to Reward' }

class Navigation {
  current = $state<StageName>('model')
  palette = $state(false)
  sheet = $state<Sheet | null>(null)
  /** Whether the chat is generating; chat is no job, so its state says so itself. */
  chatting = $state(false)

  constructor() {
    studio.onProjectChange((other) => {
      if (other) this.current = this.#kept() ?? this.#furthest()
    })
  }

  go(stage: StageName): void {
    this.current = stage
    const { project } = studio
    if (project === null) return
    studio.recent = studio.recent.map((one) => (one.path === project.path ? { ...one, stage } : one))
    void notices.guard(() => call('project.stage', { stage }))
  }

  /** The stage after this one, where this one is done and that one is not. */
  get next(): Stage | undefined {
    if (this.state(this.current) !== 'done') return undefined
    const next = stages[stages.findIndex(({ name }) => name === this.current) + 1]
    return next !== undefined && ['empty', 'ready'].includes(this.state(next.name)) ? next : undefined
  }

  /** What a stage still needs from an earlier one; null when nothing. */
  missing(stage: StageName): Missing | null {
    const project = studio.project
    if (project === null) return null
    const { counts, modelFile, modelPresent } = project
    if (stage === 'collect' || stage === 'chat' || stage === 'evaluate') {
      if (modelFile === null) return noModel
      if (!modelPresent) return absentModel
      return stage !== 'chat' && counts.datasets === 0 ? noData : null
    }
    if (stage === 'reward') return counts.responses === 0 ? noResponses : null
    if (stage === 'train') return counts.rewards === 0 && counts.valueFunctions === 0 ? noRewards : null
    return null
  }

  state(stage: StageName): StageState {
    const project = studio.project
    if (project === null) return 'empty'
    if (this.#running(stage)) return 'running'
    if (this.missing(stage) !== null) return 'blocked'
    const { counts, modelPresent } = project
    switch (stage) {
      case 'model':
        return modelPresent ? 'done' : 'empty'
      case 'data':
        return counts.datasets === 0 ? 'empty' : 'done'
      case 'collect':
        return counts.responses === 0 ? 'ready' : 'done'
      case 'reward':
        return counts.rewards === 0 ? 'ready' : 'done'
      case 'train':
        return counts.valueFunctions === 0 ? 'ready' : 'done'
      case 'chat':
        return 'ready'
      case 'evaluate':
        return counts.evaluations === 0 ? 'ready' : 'done'
    }
  }

  #running(stage: StageName): boolean {
    if (stage === 'chat') return this.chatting
    if (stage === 'model') return downloads.active.length > 0
    const kinds = jobKindsOf(stage)
    return jobs.active.some((job) => kinds.includes(job.kind) && job.state !== 'paused')
  }

  /** The stage that was in front when the project was used last, if something can be done there. */
  #kept(): StageName | null {
    const stage = studio.recent.find(({ path }) => path === studio.project?.path)?.stage ?? null
    return stage === null || !studio.project?.modelPresent || this.missing(stage) !== null ? null : stage
  }

  /** The stage to show first in a project: the chat once something can be steered, else the first thing to do or being done. */
  #furthest(): StageName {
    const project = studio.project
    if (project === null || !project.modelPresent) return 'model'
    if (project.counts.valueFunctions > 0) return 'chat'
    return stages.find(({ name }) => ['empty', 'ready', 'running'].includes(this.state(name)))?.name ?? 'chat'
  }
}

export const navigation = new Navigation()
