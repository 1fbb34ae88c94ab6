/** What the palette offers: everything that can be pressed on the screen, the jobs, the stages, projects and sheets. */
import { jobs } from '../state/jobs.svelte.ts'
import { navigation, stages } from '../state/navigation.svelte.ts'
import { studio } from '../state/studio.svelte.ts'
import { act } from './act.ts'
import { mod, newProjectKeys } from './shortcuts.ts'

export interface Command {
  group: 'On this screen' | 'Stages' | 'Jobs' | 'Projects' | 'Studio'
  name: string
  /** beside the name: where it is, or a path */
  note?: string
  keys?: string
  run: () => void
}

/** Rows of lists and tables are things to look at, not commands. */
const pressed = 'button:not(:disabled, [aria-pressed], [role=row], [role=row] *, [role=listbox] *, [tabindex="-1"]), [role=radiogroup] input:not(:checked)'
const filled = 'input:not([type=radio], [type=range]), select, textarea'

/** As the screen is now: what is behind the palette does not change by itself. */
export function commandsNow(): Command[] {
  const open = studio.project !== null
  return [
    ...(open ? onScreen() : []),
    ...jobs.active.flatMap((job): Command[] => [
      job.state === 'paused'
        ? { group: 'Jobs', name: `Resume: ${job.title}`, run: () => void jobs.act('resume', job.id) }
        : { group: 'Jobs', name: `Pause: ${job.title}`, run: () => void jobs.act('pause', job.id) },
      { group: 'Jobs', name: `Stop and keep: ${job.title}`, run: () => void jobs.act('stop', job.id) }
    ]),
    ...(open ? stages.map((stage, i): Command => ({ group: 'Stages', name: `Go to ${stage.title}`, keys: `${mod}${i + 1}`, run: () => navigation.go(stage.name) })) : []),
    { group: 'Projects', name: 'Open the sample project', run: () => act('open-sample') },
    { group: 'Projects', name: 'Open another project', keys: `${mod}O`, run: () => act('open-project') },
    { group: 'Projects', name: 'New project', keys: newProjectKeys, run: () => act('new-project') },
    ...studio.recent.filter(({ gone }) => !gone).map((project): Command => ({ group: 'Projects', name: `Open ${project.name}`, note: project.path, run: () => void studio.open(project.path) })),
    ...(open ? [{ group: 'Projects', name: 'Close project', run: () => act('close-project') } satisfies Command] : []),
    { group: 'Studio', name: 'Help', keys: 'F1', run: () => act('help') },
    { group: 'Studio', name: 'Keyboard shortcuts', keys: `${mod}/`, run: () => act('shortcuts') },
    { group: 'Studio', name: 'Settings', keys: `${mod},`, run: () => act('settings') },
    { group: 'Studio', name: 'About', run: () => act('about') }
  ]
}

function onScreen(): Command[] {
  const main = document.querySelector('main')
  if (main === null) return []
  const seen = new Set<string>()
  const fresh = (command: Command): boolean => command.name !== '' && !seen.has(command.name) && seen.add(command.name) !== undefined
  const buttons = [...main.querySelectorAll<HTMLElement>(pressed)].filter((element) => element.checkVisibility()).map((element): Command => {
    const group = element.closest('[role=radiogroup]')?.getAttribute('aria-label')
    return {
      group: 'On this screen',
      name: group === undefined || group === null ? nameOf(element) : `${group}: ${nameOf(element)}`,
      ...placeOf(element),
      ...(element.matches('[type=submit]') ? { keys: `${mod}Enter` } : {}),
      run: () => {
        element.focus()
        element.click()
      }
    }
  })
  const fields = [...main.querySelectorAll<HTMLInputElement>(filled)].filter((element) => element.checkVisibility()).map((element): Command => ({
    group: 'On this screen', name: nameOf(element) === '' ? '' : `Set ${nameOf(element)}`, ...placeOf(element), run: () => element.focus()
  }))
  return [...buttons, ...fields].filter(fresh)
}

function nameOf(element: HTMLElement): string {
  const label = 'labels' in element ? (element as HTMLInputElement).labels?.[0]?.textContent : undefined
  const text = element.getAttribute('aria-label') ?? label ?? element.textContent
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 120)
}

/** The panel that it is in. */
function placeOf(element: HTMLElement): { note?: string } {
  const labelled = element.closest('section')?.getAttribute('aria-labelledby')
  const title = labelled ? document.getElementById(labelled)?.textContent.trim() : undefined
  return title ? { note: title.slice(0, 80) } : {}
}
