import type { Message } from '../../contract/data.ts'
import { responseSeed } from '../../engine/collect/seed.ts'
import { generate, type GenerationTask } from '../../engine/control/generate.ts'
import { resolveMethod } from '../../engine/control/methods.ts'
import type { Project } from '../../engine/project/project.ts'
import { required, text, UsageError } from '../arguments.ts'
import type { Input } from '../command.ts'
import type { Command } from '../command.ts'
import { deviceFacts, deviceFlags, deviceFrom, deviceUsage } from '../device-flags.ts'
import { methodFlags, methodFrom } from '../method-flags.ts'
import { runFlags, runFlagsFrom, runSwitches, type RunFlags } from '../run-flags.ts'

interface Question {
  prompt: string
  messages: Message[]
  seed: number
}

interface Generated {
  prompt: string
  /** the prompt as the model got it, and the response */
  result: string
  response: string
  finish: 'end' | 'length'
  tokens: number[]
  valueBefore: number[]
  valueAfter: number[]
  edits: number[]
}

export const generateCommand: Command = {
  name: 'generate',
  usage: `generate PROJECT --method NAME [--value-function V --alpha A --updates N] (--prompt TEXT or --dataset D --limit N --split S) [--max-tokens T --temperature X --top-k K --top-p P --min-p P --seed S --parallel P --deterministic ${deviceUsage}]`,
  positionals: ['PROJECT'],
  flags: ['method', 'prompt', 'dataset', ...methodFlags, ...runFlags, ...deviceFlags],
  switches: runSwitches,
  async run(session, input) {
    const run = runFlagsFrom(input)
    const name = required(input, 'method')
    session.engine.models.override(deviceFrom(input))
    const project = await session.open(input.positionals[0] ?? '')
    const method = resolveMethod(methodFrom(name, input, project))
    const questions = questionsFrom(input, run, project)
    await session.ensureModel()

    const responses: (Generated | null)[] = questions.map(() => null)
    const skipped: { prompt: string; reason: string }[] = []
    let tokens = 0
    let seconds = 0
    await session.engine.models.withHost(
      project,
      async (host, progressed) => {
        const tasks = questions.flatMap(({ messages, seed }, key): GenerationTask[] => (responses[key] === null ? [{ key, method, messages, seed }] : []))
        const totals = await generate({ project, models: session.engine.models, secrets: session.engine.secrets, asked: session.engine.asked }, host, tasks, {
          maxTokens: run.maxTokens ?? 128,
          parallel: run.parallel ?? 16,
          sampling: run.sampling,
          tokens: false,
          deterministic: run.deterministic,
          signal: session.signal,
          onEvent: (event) => {
            if (event.kind === 'token' || event.kind === 'progress') return
            const { prompt } = questions[event.key] as Question
            if (event.kind === 'skipped') skipped.push({ prompt, reason: event.reason })
            else {
              const { promptText, text: response, finish, valueBefore, valueAfter, edits } = event
              responses[event.key] = { prompt, result: promptText + response, response, finish, tokens: [...event.tokens], valueBefore: [...valueBefore], valueAfter: [...valueAfter], edits: [...edits] }
            }
            progressed()
            const done = responses.filter((r) => r !== null).length + skipped.length
            session.terminal.progress({ phase: `Generating: ${name}`, done, total: questions.length, unit: 'responses', rate: null, secondsLeft: null })
          }
        })
        tokens += totals.tokens
        seconds += totals.seconds
      },
      session.signal
    )

    const finished = responses.filter((r) => r !== null)
    const model = await session.engine.models.loaded
    for (const { prompt, reason } of skipped) session.terminal.note(`Skipped "${prompt.slice(0, 60)}": ${reason}`)
    session.terminal.result(
      { method: name, settings: method.settings, responses: finished, skipped, tokensPerSecond: seconds === 0 ? 0 : tokens / seconds, device: deviceFacts(model), model },
      finished.flatMap(({ prompt, response }) => (finished.length === 1 ? [response.trim()] : [`> ${prompt.trim().split('\n').at(-1) ?? ''}`, response.trim(), '']))
    )
    return finished.length > 0 ? 0 : 1
  }
}

/** Of a prompt the run's seed is the response's; of a data set each prompt has its own, as in a collection. */
function questionsFrom(input: Input, run: RunFlags, project: Project): Question[] {
  const prompt = text(input, 'prompt')
  const dataset = text(input, 'dataset')
  if ((prompt === undefined) === (dataset === undefined)) throw new UsageError('either --prompt or --dataset is needed')
  const seed = run.seed ?? 1
  if (prompt !== undefined) return [{ prompt, messages: [{ role: 'user', content: prompt }], seed }]
  const { id } = project.datasets.get(Number(dataset))
  return project.datasets.tasks(id, run.split ?? null, run.limit ?? null).map((task) => ({ prompt: task.prompt, messages: task.messages, seed: responseSeed(seed, task.line, 0) }))
}
