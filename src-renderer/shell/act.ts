/** What a command of the menu, of a key or of the palette does. */
import type { MenuCommand } from '../../src-main/contract/shell.ts'
import { jobs } from '../state/jobs.svelte.ts'
import { jobKindsOf, navigation } from '../state/navigation.svelte.ts'
import { notices } from '../state/notices.svelte.ts'
import { studio } from '../state/studio.svelte.ts'

export function act(command: MenuCommand): void {
  switch (command) {
    case 'new-project':
      return void studio.chooseAndCreate()
    case 'open-project':
      return void studio.chooseAndOpen()
    case 'open-sample':
      return void studio.openSample()
    case 'close-project':
      return void (studio.project !== null && studio.close())
    case 'palette':
      navigation.sheet = null
      navigation.palette = !navigation.palette
      return
    case 'settings':
    case 'help':
    case 'shortcuts':
    case 'about':
      navigation.palette = false
      navigation.sheet = command
      return
    case 'run':
      return runStage()
    case 'stop':
      return stopStage()
    default:
      if (studio.project !== null) navigation.go(command)
  }
}

/** Presses the button that runs the form of the stage. */
export function runStage(): void {
  document.querySelector<HTMLButtonElement>('main .content button[type=submit]:not(:disabled)')?.click()
}

/** A job is paused, not ended: a key pressed by mistake must not cost a night's work. The chat stops itself. */
export function stopStage(): void {
  const kinds = jobKindsOf(navigation.current)
  const job = jobs.active.findLast(({ kind, state }) => kinds.includes(kind) && state === 'running')
  if (job === undefined) return
  void jobs.act('pause', job.id)
  notices.add('info', `${job.title} is paused.`, undefined, { title: 'Resume', run: () => void jobs.act('resume', job.id) })
}
