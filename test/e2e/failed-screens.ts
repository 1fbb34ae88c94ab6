/** What a person sees when something went wrong, one after the other, of a full project that is open. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settled } from './screens.ts'
import type { Studio } from './studio.ts'

/** @param seen is called in front of each screen, with a name for it */
export async function visitFailedScreens(studio: Studio, project: string, seen: (name: string) => Promise<void>): Promise<void> {
  const { app, page, go, folder, answerDialog } = studio
  const main = page.getByRole('main')
  const messages = page.getByRole('region', { name: 'Messages' })
  const jobs = page.getByRole('region', { name: 'Jobs' })
  const dismissed = async (): Promise<void> => {
    for (const dismiss of await messages.getByRole('button', { name: 'Dismiss' }).all()) await dismiss.click()
  }

  const bad = join(folder, 'bad.jsonl')
  writeFileSync(bad, '{"text": 7}\nnot JSON\n{"other": "row"}\n')
  await go('Data')
  await answerDialog(bad)
  await main.getByRole('button', { name: 'Import a data set' }).click()
  await main.getByRole('button', { name: 'Cancel' }).waitFor()
  await settled(page)
  await seen('failed-import')
  await main.getByRole('button', { name: 'Cancel' }).click()

  const letter = join(folder, 'letter.gguf')
  writeFileSync(letter, 'Dear model,')
  await go('Model')
  await answerDialog(letter)
  await main.getByRole('button', { name: 'Choose a GGUF file' }).click()
  await messages.getByRole('alert').first().waitFor()
  await seen('failed-model')
  await dismissed()

  await go('Reward')
  await main.getByRole('radiogroup', { name: 'View' }).getByText('Label').click()
  await main.getByRole('button', { name: /^Own program/ }).click()
  await main.getByRole('textbox', { name: /^Command/ }).fill('false')
  await main.getByRole('button', { name: 'Label', exact: true }).click()
  const allow = page.getByRole('dialog', { name: 'Allow this on your machine?' })
  await allow.getByRole('checkbox').check()
  await allow.getByRole('button', { name: 'Allow and start' }).click()
  await jobs.getByRole('button', { name: 'Copy details' }).first().waitFor()
  await settled(page)
  await seen('failed-label')

  const menu = async (item: string): Promise<void> => {
    await page.getByRole('navigation').getByRole('button', { name: /^Project/ }).click()
    await page.getByRole('menuitem', { name: item }).click()
  }
  await menu('Back up the project')
  await messages.getByText(/Backed up/).waitFor()
  await menu('Close project')
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  writeFileSync(join(project, 'project.db'), 'not a database, '.repeat(1000))
  await page.getByRole('button', { name: /^Full project/ }).click()
  await page.getByRole('dialog', { name: 'This project cannot be opened' }).waitFor()
  await seen('failed-damaged')
  await page.keyboard.press('Escape')

  const pid = (): Promise<number | undefined> => app.evaluate(({ app: electron }) => electron.getAppMetrics().find(({ name }) => name === 'RE-Control engine')?.pid)
  const dialog = page.getByRole('dialog', { name: 'The engine stopped' })
  for (let kills = 0, last = 0; kills < 3; ) {
    const now = await pid()
    if (now !== undefined && now !== last) {
      process.kill(now, 'SIGKILL')
      last = now
      kills += 1
    }
    await page.waitForTimeout(50)
  }
  await dialog.waitFor()
  await seen('failed-engine')
}
