/** Every steering method, and those that compose by "+": adding one is adding a file and a line here. */
import { z } from 'zod'
import type { MethodChoice, SteeringMethod as Summary } from '../../contract/control.ts'
import type { Message } from '../../contract/data.ts'
import { StudioError } from '../../contract/errors.ts'
import { base } from './base.ts'
import { bestOfN } from './best-of-n.ts'
import { cd } from './cd.ts'
import { cdPrefix } from './cd-prefix.ts'
import { controlVector } from './control-vector.ts'
import { deal } from './deal.ts'
import { inferAligner } from './inferaligner.ts'
import { lora } from './lora.ts'
import type { AdapterPlan, CandidatePlan, ControlPlan, GatePlan, SearchPlan, SteeringMethod } from './method.ts'
import { model } from './model.ts'
import { preControl } from './pre-control.ts'
import { prompting } from './prompting.ts'
import { reControl } from './re-control.ts'
import { staticRe } from './static-re.ts'

const single: readonly SteeringMethod[] = [base, prompting, reControl, preControl, staticRe, bestOfN, cdPrefix, cd, deal, inferAligner, controlVector, lora, model]
const composed = ['re-control+prompting', 'pre-control+prompting', 'static-re+prompting', 'best-of-n+prompting', 'cd-prefix+prompting', 'cd+prompting', 'deal+prompting', 'inferaligner+prompting', 'control-vector+prompting', 'lora+prompting', 'lora+re-control', 'model+prompting']

/** A method with its settings checked: what to ask the model, and how to edit its states. */
export interface ResolvedMethod {
  name: string
  settings: Record<string, unknown>
  messages(messages: Message[]): Message[]
  control: ControlPlan | null
  candidates: CandidatePlan | null
  adapter: AdapterPlan | null
  gate: GatePlan | null
  /** another model's file, absolute; null: the project's model */
  model: string | null
  search: SearchPlan | null
}

/** @throws StudioError 'bad-request' for an unknown name, ZodError for settings that do not fit */
export function resolveMethod({ name, settings }: MethodChoice): ResolvedMethod {
  const method = methodNamed(name)
  const checked = method.settings.parse(settings)
  return {
    name,
    settings: checked,
    messages: (messages) => method.messages?.(messages, checked) ?? messages,
    control: method.control?.(checked) ?? null,
    candidates: method.candidates?.(checked) ?? null,
    adapter: method.adapter?.(checked) ?? null,
    gate: method.gate?.(checked) ?? null,
    model: method.model?.(checked) ?? null,
    search: method.search?.(checked) ?? null
  }
}

/** The choice with every setting that its method has, defaults included, as runs keep it. @throws as resolveMethod */
export function completeChoice(choice: MethodChoice): MethodChoice {
  const { name, settings } = resolveMethod(choice)
  return { name, settings }
}

export function listMethods(): Summary[] {
  return [...single.map((method) => method.name), ...composed].map((name) => {
    const { title, description, source, settings } = methodNamed(name)
    return { name, title, description, source, settings: z.toJSONSchema(settings, { io: 'input' }) }
  })
}

export function methodNamed(name: string): SteeringMethod {
  const parts = name.split('+').map((part) => {
    const method = single.find((candidate) => candidate.name === part)
    if (method === undefined) throw new StudioError('bad-request', `there is no method ${name}; there are ${[...single.map((m) => m.name), ...composed].join(', ')}`)
    return method
  })
  const [first, ...rest] = parts as [SteeringMethod, ...SteeringMethod[]]
  return rest.reduce(compose, first)
}

/** Both at once; each takes its own settings out of the union. */
function compose(a: SteeringMethod, b: SteeringMethod): SteeringMethod {
  const no = (why: string): StudioError => new StudioError('bad-request', `${a.name} and ${b.name} ${why} and do not compose`)
  if (a.control !== undefined && b.control !== undefined) throw no('both edit states')
  const steers = ({ control, search }: SteeringMethod): boolean => control !== undefined || search !== undefined
  if (steers(a) && steers(b) && (a.search ?? b.search) !== undefined) throw no('both decide on the tokens')
  if (a.adapter !== undefined && b.adapter !== undefined) throw no('both change the model\'s layers')
  const ofProjectsModel = (method: SteeringMethod): boolean => method.control !== undefined || method.adapter !== undefined || method.search !== undefined
  if (a.model !== undefined ? b.model !== undefined || ofProjectsModel(b) : b.model !== undefined && ofProjectsModel(a)) throw no('are of different models')
  const control = a.control ?? b.control
  const candidates = a.candidates ?? b.candidates
  const adapter = a.adapter ?? b.adapter
  const gate = a.gate ?? b.gate
  const file = a.model ?? b.model
  const search = a.search ?? b.search
  return {
    name: `${a.name}+${b.name}`,
    title: `${a.title} + ${/[A-Z].*[A-Z]/.test(b.title) ? b.title : b.title.toLowerCase()}`,
    description: `${a.description} ${b.description}`,
    source: [a.source, b.source].filter((source) => source !== '').join('; '),
    settings: z.object({ ...a.settings.shape, ...b.settings.shape }),
    messages(messages, settings) {
      const inner = b.messages?.(messages, settings) ?? messages
      return a.messages?.(inner, settings) ?? inner
    },
    ...(control !== undefined && { control }),
    ...(candidates !== undefined && { candidates }),
    ...(adapter !== undefined && { adapter }),
    ...(gate !== undefined && { gate }),
    ...(file !== undefined && { model: file }),
    ...(search !== undefined && { search })
  }
}
