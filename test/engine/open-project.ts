/** A process of its own that opens a project, says how that went, and holds it until it is killed or told to end. */
import { toFailure } from '../../src-main/contract/errors.ts'
import { Project } from '../../src-main/engine/project/project.ts'

try {
  const project = Project.open(process.argv[2] ?? '')
  const { counts } = project.summary()
  const prompts = project.datasets.list().flatMap(({ id }) => project.datasets.tasks(id, null, null).map((task) => task.prompt))
  process.stdout.write(`${JSON.stringify({ counts, prompts })}\n`)
  process.stdin.once('data', () => process.exit(0)).resume()
} catch (error) {
  const { code, message } = toFailure(error)
  process.stdout.write(`${JSON.stringify({ code, message })}\n`)
}
