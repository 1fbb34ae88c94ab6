/** Which element has a tooltip, and when it comes. */
export interface Tip {
  anchor: HTMLElement
  text: string
}

/** Milliseconds that the pointer may be on its way from the element to its tooltip. */
export const stays = 120
const rest = 450
/** Who has just read one tooltip reads the next at once. */
const reading = 400

/** @param sinceLast milliseconds since the last tooltip was there @returns how long the pointer rests before the next comes */
export function restsAfter(sinceLast: number): number {
  return sinceLast < reading ? 60 : rest
}

/** Of the element or of what it lies in. A text that is shown whole needs no tooltip that repeats it. */
export function tipOf(element: Element): Tip | null {
  const anchor = element.closest<HTMLElement>('[data-tip]')
  const text = anchor?.dataset['tip'] ?? ''
  if (anchor === null || text === '') return null
  const whole = anchor.scrollWidth <= anchor.clientWidth
  return whole && anchor.textContent.trim() === text.trim() ? null : { anchor, text }
}
