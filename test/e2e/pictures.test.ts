/**
 * Pictures of every screen in test-results/screenshots: empty, full, busy and failed, light and dark, at 1024 x 700, 1440 x 900 and 3840 x 2160.
 * Only with RE_CONTROL_PICTURES=1: nothing is decided by them but what a person sees.
 */
import { join } from 'node:path'
import { visitFailedScreens } from './failed-screens.ts'
import { makeFullProject } from './full-project.ts'
import { openProject, small, visitBusyScreens, visitEmptyScreens, visitFullScreens, visitSheets } from './screens.ts'
import { test } from './studio.ts'

test.skip(process.env['RE_CONTROL_PICTURES'] === undefined, 'pictures are taken on request')

const sizes = [
  { name: 'small', size: small },
  { name: 'medium', size: { width: 1440, height: 900 } },
  { name: '4k', size: { width: 3840, height: 2160 } }
]

for (const { name, size } of sizes) {
  test(`every screen, ${name}`, async ({ studio }) => {
    const { page, folder, picture } = studio
    await page.setViewportSize(size)
    const seen = (screen: string): Promise<void> => picture(`all-${name}-${screen}`)
    await visitEmptyScreens(studio, join(folder, 'empty'), seen)
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('Close project')
    await page.keyboard.press('Enter')
    await studio.answerDialog(join(folder, 'no project'))
    await page.getByRole('button', { name: 'Open project' }).click()
    await page.getByRole('alert').waitFor()
    await seen('failed-open')
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await openProject(studio, makeFullProject(folder))
    await visitFullScreens(studio, join(folder, 'questions.jsonl'), seen)
    await visitSheets(studio, seen)
    await visitBusyScreens(studio, seen)
  })

  test(`every failure, ${name}`, async ({ studio }) => {
    await studio.page.setViewportSize(size)
    const project = makeFullProject(studio.folder)
    await openProject(studio, project)
    await visitFailedScreens(studio, project, (screen) => studio.picture(`all-${name}-${screen}`))
  })
}
