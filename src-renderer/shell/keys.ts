/** The keys of the whole window. What is in front (a dialog, a menu) takes its keys first and says so by preventDefault. */
import { navigation, stages } from '../state/navigation.svelte.ts'
import { studio } from '../state/studio.svelte.ts'
import type { MenuCommand } from '../../src-main/contract/shell.ts'
import { act } from './act.ts'

const withMod: Record<string, MenuCommand> = { k: 'palette', '/': 'shortcuts', ',': 'settings', o: 'open-project', enter: 'run' }

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return
  const command = commandOf(event)
  if (command === undefined) return
  event.preventDefault()
  act(command)
}

function commandOf(event: KeyboardEvent): MenuCommand | undefined {
  const key = event.key.toLowerCase()
  if (key === 'f1') return 'help'
  const covered = navigation.palette || navigation.sheet !== null || document.querySelector('dialog:modal') !== null
  if (event.ctrlKey || event.metaKey) {
    if (key === '.' && studio.project !== null && !covered) return navigation.next?.name
    // without Shift it is a new conversation in the chat
    if (key === 'n' && event.shiftKey && !covered) return 'new-project'
    const stage = studio.project === null || covered ? undefined : stages[Number(event.key) - 1]
    return stage?.name ?? (covered && key === 'enter' ? undefined : withMod[key])
  }
  if (covered) return undefined
  if (key === '?' && !writes(event.target)) return 'shortcuts'
  // in a field, Escape is the field's own
  return key === 'escape' && navigation.current !== 'chat' && !writes(event.target) ? 'stop' : undefined
}

function writes(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable]')
}
