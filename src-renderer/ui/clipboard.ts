/** Copies text. The studio denies every permission, so the old command is the one that always works. */
export function copyText(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.setAttribute('aria-hidden', 'true')
  area.style.position = 'fixed'
  area.style.opacity = '0'
  const before = document.activeElement
  // behind a modal dialog nothing can be selected
  ;(document.querySelector('dialog:modal') ?? document.body).append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (before instanceof HTMLElement) before.focus()
  return done
}
