/** Every screen of a full project, one after the other: what must hold on each is asked by the caller. */
import type { Page } from '@playwright/test'
import type { Studio } from './studio.ts'

/** The window as small as it must still work at. */
export const small = { width: 1024, height: 700 }

export async function openProject({ page, answerDialog }: Studio, project: string): Promise<void> {
  await answerDialog(project)
  await page.getByRole('button', { name: 'Open project' }).click()
  await page.getByRole('navigation').waitFor()
}

/** @param seen is called in front of each screen, with a name for it */
export async function visitEmptyScreens({ page, go, answerDialog }: Studio, directory: string, seen: (name: string) => Promise<void>): Promise<void> {
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  await seen('start')
  await answerDialog(directory)
  await page.getByRole('button', { name: 'New project' }).click()
  await page.getByRole('navigation').waitFor()
  for (const stage of stages) {
    await go(stage)
    await seen(`empty-${stage.toLowerCase()}`)
  }
  await go('Data')
  await page.getByRole('button', { name: 'From the Hugging Face hub' }).click()
  await seen('hub')
}

/** Of a project that is open. */
export async function visitFullScreens({ page, go, answerDialog }: Studio, data: string, seen: (name: string) => Promise<void>): Promise<void> {
  const main = page.getByRole('main')
  const part = async (group: string, label: string): Promise<void> => main.getByRole('radiogroup', { name: group }).getByText(label, { exact: false }).first().click()
  const popover = async (opener: string | RegExp, name: string): Promise<void> => {
    await main.getByRole('button', { name: opener }).first().click()
    await page.getByRole('dialog').waitFor()
    await seen(name)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  }
  await go('Model')
  await settled(page)
  await seen('model')
  await part('What is shown', 'On this computer')
  await settled(page)
  await seen('model-library')
  await part('What is shown', 'Hugging Face')
  await seen('model-hub')
  await go('Data')
  await main.getByRole('listbox').first().waitFor()
  await seen('data')
  await popover('Filter', 'data-filters')
  await popover('Export', 'data-export')
  await part('Rows to show', 'Rejected')
  await seen('data-rejected')
  await answerDialog(data)
  await main.getByRole('button', { name: 'Import a data set' }).click()
  await main.getByRole('button', { name: 'Import', exact: true }).waitFor()
  await seen('data-import')
  await main.getByRole('button', { name: 'Cancel' }).click()
  await go('Collect')
  await main.getByRole('listbox', { name: 'Responses' }).waitFor()
  await settled(page)
  await seen('collect')
  await go('Reward')
  for (const view of ['Label', 'Results', 'Compare', 'Rate by hand', 'Preference heads']) {
    await part('View', view)
    await settled(page)
    await seen(`reward-${view.split(' ')[0]?.toLowerCase()}`)
  }
  await go('Train')
  await main.getByRole('heading', { name: /1 x 16/ }).first().waitFor()
  await main.getByLabel('Log axis').check()
  await settled(page)
  await seen('train')
  await main.getByRole('button', { name: 'Read the states' }).click()
  await main.getByRole('button', { name: 'Read with the model' }).click({ timeout: 60_000 })
  await main.getByRole('columnheader', { name: 'Suppressed' }).waitFor({ timeout: 60_000 })
  await main.getByRole('heading', { name: 'What it has learned' }).scrollIntoViewIfNeeded()
  await settled(page)
  await seen('train-learned')
  await main.getByText('Rises', { exact: true }).click()
  await main.getByRole('heading', { name: 'Contexts in unseen responses' }).scrollIntoViewIfNeeded()
  await seen('train-contexts')
  await popover(/^Open response/, 'train-response')
  await main.getByRole('button', { name: 'Draw it' }).click()
  await main.getByRole('img', { name: /a state's way from/ }).scrollIntoViewIfNeeded()
  await seen('train-landscape')
  await go('Chat')
  await main.getByRole('textbox', { name: 'Prompt for all panes' }).fill('Is calm number 3?')
  await page.keyboard.press('Enter')
  await main.getByText(/tokens, (ended|cut)/).nth(1).waitFor({ timeout: 60_000 })
  await seen('chat')
  await part('Show the answers as', 'Numbers')
  await seen('chat-numbers')
  await popover(/^Generation settings/, 'chat-settings')
  await main.getByRole('button', { name: 'Value landscape', exact: true }).click()
  await main.getByRole('img', { name: /^V over/ }).waitFor()
  await seen('chat-landscape')
  await main.getByRole('button', { name: 'Close the value landscape' }).click()
  await main.getByRole('button', { name: 'Add a pane' }).click()
  await main.getByRole('button', { name: 'Add a pane' }).click()
  await seen('chat-four')
  await go('Evaluate')
  for (const tab of ['Table', 'Figures', 'Responses', 'Compare']) {
    await part('What is shown', tab)
    await settled(page)
    await seen(`evaluate-${tab.toLowerCase()}`)
  }
  await main.getByRole('button', { name: 'New evaluation' }).click()
  await settled(page)
  await seen('evaluate-new')
}

/** A collection that goes on for longer than anybody looks; its work is discarded in the end. */
export async function visitBusyScreens({ page, go }: Studio, seen: (name: string) => Promise<void>): Promise<void> {
  await go('Collect')
  await page.getByLabel('Samples each').fill('64')
  await page.getByLabel('Max tokens').fill('1500')
  await page.getByRole('button', { name: 'Start collecting' }).click()
  const jobs = page.getByRole('region', { name: 'Jobs' })
  await jobs.getByText(/of 1,472/).waitFor()
  await page.getByText(/tokens\/s|states\/s|\/s$/).first().waitFor()
  await seen('busy-collect')
  await go('Chat')
  await settled(page)
  await seen('busy-chat')
  await jobs.getByRole('button', { name: 'Discard' }).click()
  await seen('busy-discard')
  await jobs.getByRole('button', { name: 'Discard it' }).click()
  await jobs.getByRole('button', { name: 'Discard it' }).waitFor({ state: 'hidden' })
}

/** What lies in front of a stage. */
export async function visitSheets({ page, go }: Studio, seen: (name: string) => Promise<void>): Promise<void> {
  await go('Collect')
  const sheet = async (key: string, name: string): Promise<void> => {
    await page.keyboard.press(key)
    await page.getByRole('dialog').waitFor()
    await seen(name)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  }
  await sheet('Control+k', 'palette')
  await sheet('F1', 'help')
  await sheet('Control+/', 'shortcuts')
  await sheet('Control+,', 'settings')
  await page.getByRole('navigation').getByRole('button', { name: /^Project/ }).click()
  await page.getByRole('menu').waitFor()
  await seen('project-menu')
  await page.keyboard.press('Escape')
  // a deletion that is taken back, and one that is refused
  await go('Evaluate')
  await page.getByRole('navigation', { name: 'Stages' }).waitFor()
  const evaluations = page.getByRole('list', { name: 'Evaluations' }).getByRole('button')
  await evaluations.first().click()
  await page.getByRole('button', { name: /^Delete evaluation/ }).click()
  const messages = page.getByRole('region', { name: 'Messages' })
  await messages.getByText('was deleted').waitFor()
  await seen('deleted')
  await messages.getByRole('button', { name: 'Undo' }).click()
  await evaluations.first().waitFor()
  await go('Collect')
  await page.getByRole('button', { name: /^Delete collection/ }).click()
  await messages.getByRole('alert').filter({ hasText: 'cannot be deleted' }).waitFor()
  await seen('refused')
  await messages.getByRole('button', { name: 'Dismiss' }).first().click()
}

const stages = ['Model', 'Data', 'Collect', 'Reward', 'Train', 'Chat', 'Evaluate']

/** Answers that the screen asked for have come: two frames without a change of its height. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()))
    const size = (): number => document.querySelector('main')?.textContent.length ?? 0
    for (let before = -1, same = 0; same < 4; same = size() === before ? same + 1 : 0) {
      before = size()
      await frame()
      await frame()
    }
  })
}
