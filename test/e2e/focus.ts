/** Walks a screen by Tab: each control is reached, its focus can be seen, and it can be left again. */
import type { Page } from '@playwright/test'

interface Walk {
  /** in the order of the first visit */
  visited: Element[]
  /** the beginning has come again */
  round: boolean
  faults: string[]
  /** names of the controls that it has not reached */
  unreached: () => string[]
  stop: () => void
}

/** @returns what is wrong with the focus of the screen that is shown, in words; the focus is where it was */
export async function focusFaults(page: Page): Promise<string[]> {
  await page.evaluate(begin)
  for (let presses = 0; presses < 300; presses += 10) {
    await Promise.all(Array.from({ length: 10 }, () => page.keyboard.press('Tab')))
    // it has come round, or nothing moves it; what is drawn anew on the way sends it back to its beginning before it was everywhere
    if (await page.evaluate(() => (({ round, visited, unreached }) => (round && unreached().length === 0) || visited.length < 2)((globalThis as unknown as { walk: Walk }).walk))) break
  }
  // a key that moves nothing: what has the focus afterwards was not walked to
  await page.keyboard.press('Shift')
  return page.evaluate(end)
}

/** Listens to the focus. In the page. */
function begin(): void {
  const walk: Walk = { visited: [], round: false, faults: [], unreached, stop: () => undefined }
  let last: { element: Element; looks: string[]; inFront: boolean } | null = null

  const outline = ({ outlineStyle, outlineWidth, outlineColor }: CSSStyleDeclaration): string => (outlineStyle === 'none' || Number.parseFloat(outlineWidth) === 0 ? 'none' : `${outlineColor} ${outlineWidth}`)
  /** What a person sees of an element and of the three around it. */
  const looks = (element: Element): string[] => {
    const all: string[] = []
    for (let one: Element | null = element, i = 0; one !== null && i < 4; one = one.parentElement, i++) {
      const style = getComputedStyle(one)
      if (style.opacity !== '0') all.push(`${outline(style)} ${style.boxShadow} ${style.borderColor} ${style.clipPath} ${outline(getComputedStyle(one, '::after'))}`)
    }
    return all
  }
  const nameOf = (element: Element): string =>
    `${element.tagName.toLowerCase()} "${(element.getAttribute('aria-label') ?? (element as HTMLInputElement).labels?.[0]?.textContent ?? element.textContent).replaceAll(/\s+/g, ' ').trim().slice(0, 50)}"`

  /** The part of it that is in the window and in every box that scrolls around it, from 0 to 1. */
  const inSight = (element: Element): number => {
    const own = element.getBoundingClientRect()
    let [left, top, right, bottom] = [Math.max(0, own.left), Math.max(0, own.top), Math.min(innerWidth, own.right), Math.min(innerHeight, own.bottom)]
    for (let box = element.parentElement; box !== null; box = box.parentElement) {
      if (getComputedStyle(box).overflow === 'visible') continue
      const around = box.getBoundingClientRect()
      left = Math.max(left, around.left)
      top = Math.max(top, around.top)
      right = Math.min(right, around.right)
      bottom = Math.min(bottom, around.bottom)
    }
    // of what is larger than the window a part is enough
    const area = Math.min(own.width, innerWidth / 2) * Math.min(own.height, innerHeight / 2)
    return area === 0 ? 0 : (Math.max(0, right - left) * Math.max(0, bottom - top)) / area
  }

  function leave(): void {
    if (last === null || !last.element.isConnected) return
    // no key came to it, as the page itself had no focus: the next round will tell
    if (!last.inFront) {
      walk.visited = walk.visited.filter((one) => one !== last?.element)
      return
    }
    const without = looks(last.element)
    if (last.looks.every((one, i) => one === without[i])) walk.faults.push(`${nameOf(last.element)} shows no focus`)
  }

  function arrive({ target }: FocusEvent): void {
    if (!(target instanceof Element)) return
    leave()
    last = null
    // The first or, where that was drawn anew, the second; what had the focus last has it again when the focus comes back into the page.
    if (walk.visited.includes(target)) {
      walk.round ||= walk.visited.length <= 2 || walk.visited.indexOf(target) < 2
      return
    }
    walk.visited.push(target)
    last = { element: target, looks: [], inFront: false }
    const seen = inSight(target)
    if (seen < 0.5) walk.faults.push(`${nameOf(target)} has the focus out of sight (${(100 * seen).toFixed(0)} % of it are seen)`)
  }
  /** Just before the focus goes on: when it comes from outside of the page, its ring comes after it. */
  function press(): void {
    if (last !== null && last.element === document.activeElement) last = { element: last.element, looks: looks(last.element), inFront: document.hasFocus() }
  }

  function unreached(): string[] {
    const modal = document.querySelector('[role=dialog], dialog:modal, [role=menu]')
    return [...(modal ?? document).querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary, [tabindex]')]
      .filter((element) => {
        if (element.tabIndex < 0 || !element.checkVisibility({ visibilityProperty: true }) || element.matches(':disabled') || element.closest('[inert], [data-focus-guard]') !== null) return false
        // of a group of radio buttons Tab reaches one, and the arrow keys the others
        if (element instanceof HTMLInputElement && element.type === 'radio' && [...document.getElementsByName(element.name)].some((other) => walk.visited.includes(other))) return false
        return !walk.visited.includes(element)
      })
      .map(nameOf)
  }
  addEventListener('keydown', press, true)
  document.addEventListener('focusin', arrive, true)
  walk.stop = () => {
    removeEventListener('keydown', press, true)
    document.removeEventListener('focusin', arrive, true)
  }
  const before = document.activeElement
  if (before instanceof HTMLElement && before.tabIndex >= 0) walk.visited.push(before)
  Object.assign(globalThis, { walk, walkedFrom: before, nameOfWalked: nameOf })
}

/** What was found, and what was never reached. In the page. */
function end(): string[] {
  const { walk, walkedFrom, nameOfWalked } = globalThis as unknown as { walk: Walk; walkedFrom: Element | null; nameOfWalked: (element: Element) => string }
  walk.stop()
  const modal = document.querySelector('[role=dialog], dialog:modal, [role=menu]')
  // what has one control only keeps the focus on it
  if (modal !== null && walk.visited.length === 1) walk.round = true
  walk.faults.push(...walk.unreached().map((name) => `${name} is not reached by Tab`))
  if (!walk.round) walk.faults.push(`Tab does not come round: it ends at ${walk.visited.at(-1) === undefined ? 'nothing' : nameOfWalked(walk.visited.at(-1) as Element)}`)
  if (walkedFrom instanceof HTMLElement) walkedFrom.focus({ preventScroll: true })
  return walk.faults
}
