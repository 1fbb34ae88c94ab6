/** Text that wants to be something else than text, in every name and every row, through every screen. */
import { join } from 'node:path'
import { makeFullProject, type Names } from './full-project.ts'
import { openProject, small, visitFullScreens, visitSheets } from './screens.ts'
import { expect, test } from './studio.ts'

const script = '<img src=x onerror="globalThis.__hit=1"><script>globalThis.__hit=1;'
const names: Names = {
  project: `${script} \u202egnorw`,
  model: '"\'><b>bold\u200b\u200d 🧨 {{constructor}}',
  data: `[link](javascript:globalThis.__hit=1) \u0007\u001b[31m ${'n'.repeat(90)}`,
  labels: '<b>bold</b> \u202eddo'
}
const texts = [
  script, '\u202eright to left\u202c and \u0645\u0631\u062d\u0628\u0627', '👩‍👩‍👧‍👦🏳️‍🌈'.repeat(20), 'z\u200b\u200c\u200d\ufeffero width', 'x'.repeat(100_000), `a${'\u0301'.repeat(300)}`,
  '\u0001\u0007\u0008\u001b[2J control', 'one\ntwo\r\n\tthree\u2028four\u0085', '${7*7} {{7*7}} %s %n'
]

/** What sticks out of the window, or makes it scroll. */
function overflow(): string[] {
  const found: string[] = []
  const { clientWidth, scrollWidth, clientHeight, scrollHeight } = document.documentElement
  if (scrollWidth > clientWidth || scrollHeight > clientHeight) found.push(`the page is ${scrollWidth} x ${scrollHeight} in ${clientWidth} x ${clientHeight}`)
  for (const element of document.querySelectorAll('nav, main, main .content, main h1, [role=dialog], [role=menu]')) {
    const { left, right, top, bottom } = element.getBoundingClientRect()
    if (left < -1 || right > clientWidth + 1 || top < -1 || bottom > clientHeight + 1) found.push(`${element.tagName} ${element.className} from ${left}, ${top} to ${right}, ${bottom}`)
  }
  return found
}

test('a hostile data set goes through every screen as text', async ({ studio }) => {
  const { page, folder, problems } = studio
  await page.setViewportSize(small)
  await openProject(studio, makeFullProject(folder, { names, texts }))
  const seen = async (name: string): Promise<void> => {
    expect.soft(await page.evaluate(overflow), name).toEqual([])
    expect.soft(await page.locator('#app img, #app iframe, #app script, body > img, b:text("bold"), a[href^=javascript]').count(), name).toBe(0)
  }
  await visitFullScreens(studio, join(folder, `${names.data}.jsonl`), seen)
  await visitSheets(studio, seen)
  expect(await page.evaluate(() => '__hit' in globalThis)).toBe(false)
  await expect(page.getByRole('navigation', { name: 'Stages' })).toContainText(script)
  expect(problems).toEqual([])
})
