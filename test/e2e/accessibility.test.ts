/** axe-core finds nothing on any screen, light and dark, at the smallest size; and Tab goes round each. */
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { join } from 'node:path'
import { focusFaults } from './focus.ts'
import { makeFullProject } from './full-project.ts'
import { openProject, small, visitBusyScreens, visitEmptyScreens, visitFullScreens, visitSheets } from './screens.ts'
import { expect, test } from './studio.ts'

type AxeResults = Awaited<ReturnType<AxeBuilder['analyze']>>

/** It belongs to what it describes, and axe wants all that is seen in a landmark. */
const tooltip = '[data-bits-floating-content-wrapper]:has(> [role=tooltip])'

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
    const { violations } = await page.evaluate(runAxe, { without: tooltip, options: { resultTypes: ['violations'], ...(colorScheme === 'dark' && { runOnly: ['color-contrast'] }) } })
    for (const { id, nodes } of violations) for (const { html, failureSummary } of nodes) found.push(`${colorScheme} ${id}: ${html.slice(0, 160)} ${failureSummary?.split('\n')[1]?.trim()}`)
  }
  return found
}

async function runAxe({ without, options }: { without: string; options: object }): Promise<Pick<AxeResults, 'violations'>> {
  const { violations } = await (globalThis as unknown as { axe: { run(what: object, options: object): Promise<AxeResults> } }).axe.run({ exclude: [without] }, options)
  return { violations }
}

/** Their controls are those of another screen that is walked. */
const alike = ['empty-collect', 'empty-reward', 'empty-train', 'empty-chat', 'empty-evaluate', 'model', 'train', 'chat-numbers', 'chat-landscape', 'busy-chat', 'deleted']

test('axe finds nothing on any screen, and Tab goes round each with its focus in sight', async ({ studio }) => {
  const { page, folder } = studio
  await page.setViewportSize(small)
  const seen = async (name: string): Promise<void> => {
    expect.soft(await findings(page), name).toEqual([])
    if (!alike.includes(name)) expect.soft(await focusFaults(page), `focus of ${name}`).toEqual([])
  }
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
