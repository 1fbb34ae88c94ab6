/** axe-core finds nothing on any screen, light and dark, at the smallest size. */
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { join } from 'node:path'
import { makeFullProject } from './full-project.ts'
import { openProject, small, visitBusyScreens, visitEmptyScreens, visitFullScreens, visitSheets } from './screens.ts'
import { expect, test } from './studio.ts'

type AxeResults = Awaited<ReturnType<AxeBuilder['analyze']>>

/** Every rule in light, in dark what colours change. @returns findings in words */
async function findings(page: Page): Promise<string[]> {
  const found: string[] = []
  // It brings axe into the page, which stays there. Electron's window can open no blank page to gather results in.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await new AxeBuilder({ page }).setLegacyMode().analyze()
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    // the new colours are there after the next frame, and lists draw their rows anew a moment later
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    await page.waitForTimeout(150)
    // the passes of a screen are many, and nobody reads them
    const { violations } = await page.evaluate(runAxe, { resultTypes: ['violations'], ...(colorScheme === 'dark' && { runOnly: ['color-contrast'] }) })
    for (const { id, nodes } of violations) for (const { html, failureSummary } of nodes) found.push(`${colorScheme} ${id}: ${html.slice(0, 160)} ${failureSummary?.split('\n')[1]?.trim()}`)
  }
  return found
}

async function runAxe(options: object): Promise<Pick<AxeResults, 'violations'>> {
  const { violations } = await (globalThis as unknown as { axe: { run(what: Document, options: object): Promise<AxeResults> } }).axe.run(document, options)
  return { violations }
}

test('axe finds nothing on any screen', async ({ studio }) => {
  const { page, folder } = studio
  await page.setViewportSize(small)
  const seen = async (name: string): Promise<void> => expect.soft(await findings(page), name).toEqual([])
  await visitEmptyScreens(studio, join(folder, 'empty'), seen)
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').fill('Close project')
  await page.keyboard.press('Enter')
  await openProject(studio, makeFullProject(folder))
  await visitFullScreens(studio, join(folder, 'questions.jsonl'), seen)
  await visitSheets(studio, seen)
  await visitBusyScreens(studio, seen)
  expect(studio.problems).toEqual([])
})
