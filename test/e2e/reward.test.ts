/** The reward stage: several sources side by side, ratings by keyboard, a mix, and thumbs from the chat. */
import type { Page } from '@playwright/test'
import { settled } from './screens.ts'
import { expect, test, type Studio } from './studio.ts'

const views = ['Label', 'Results', 'Compare', 'Rate by hand', 'Preference heads'] as const

async function show(page: Page, view: (typeof views)[number]): Promise<void> {
  await page.getByRole('radiogroup', { name: 'View' }).getByText(view, { exact: true }).click()
}

async function done({ page }: Studio, title: RegExp): Promise<void> {
  await expect(page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: title }).first()).toContainText('Done', { timeout: 240_000 })
}

async function collect(studio: Studio): Promise<void> {
  const { page, go } = studio
  await studio.openSample()
  await go('Collect')
  await page.getByLabel('Limit, prompts').fill('8')
  await page.getByLabel('Samples').fill('2')
  await page.getByLabel('Max tokens').fill('12')
  await page.getByRole('button', { name: 'Start collecting' }).click()
  await done(studio, /Collect/)
  await go('Reward')
}

const source = (page: Page, title: string) => page.getByRole('region', { name: 'Sources of rewards' }).getByRole('button', { name: new RegExp(`^${title}`) })
const label = (page: Page) => page.getByRole('button', { name: 'Label', exact: true })

/** The value of a fact by its name. */
const fact = (page: Page, name: string) => page.getByRole('main').locator('dl > div').filter({ has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) }).locator('dd').first()

/** Nothing is wider than the window. */
async function expectNoOverflow(page: Page): Promise<void> {
  const wide = await page.evaluate(() => {
    const [main] = document.getElementsByTagName('main')
    const right = main?.getBoundingClientRect().right ?? 0
    return [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > right + 1 && one.closest('.scroll, .unseen') === null).map((one) => one.outerHTML.slice(0, 120))
  })
  expect(wide).toEqual([])
}

test('sources side by side, ratings with two keys, a mix of them, and how they go together', async ({ studio }) => {
  const { page, picture, problems } = studio
  await collect(studio)

  await test.step('choose a source, see what it would do, label', async () => {
    await picture('40-reward-sources')
    await source(page, 'Tone').click()
    await page.getByRole('button', { name: 'Preview' }).click()
    await expect(fact(page, 'To label')).toHaveText('16')
    await picture('41-reward-preview')
    await label(page).click()
    await done(studio, /Label by tone/)
    await expect(fact(page, 'Labelled')).toHaveText('16')
    await picture('42-reward-results')
    await page.getByRole('button', { name: 'Show more' }).first().click()
    await expect(page.getByText('12 of 16').first()).toBeVisible()
  })

  await test.step('a column that is not there fails with a reason and no number', async () => {
    await show(page, 'Label')
    await source(page, 'Column').click()
    await expect(label(page)).toBeDisabled()
    await page.getByRole('textbox', { name: 'Column' }).fill('score')
    await page.getByLabel('Label under the name').fill('a score')
    await label(page).click()
    await done(studio, /Label by a score/)
    await expect(page.getByRole('cell', { name: /no column "score"/ })).toBeVisible()
    await expect(fact(page, 'Labelled')).toHaveText('0')
    await picture('43-reward-failures')
  })

  await test.step('rate one by one with the arrow keys and letters', async () => {
    await show(page, 'Rate by hand')
    await expect(page.getByRole('region', { name: 'To be rated' })).toBeFocused()
    await picture('44-rate-single')
    const said: string[] = []
    for (const [i, key] of ['ArrowRight', 'ArrowLeft', 'k', 'j', 's', 'ArrowRight', 'k', 'ArrowLeft'].entries()) {
      const before = await page.getByRole('region', { name: 'To be rated' }).innerText()
      expect(said).not.toContain(before)
      said.push(before)
      await page.keyboard.press(key)
      await expect(page.getByText(`${i + 1} of 17`)).toBeVisible()
    }
    await page.keyboard.press('u')
    await expect(page.getByText('7 of 17')).toBeVisible()
    expect(await page.getByRole('region', { name: 'To be rated' }).innerText()).toBe(said.at(-1))
  })

  await test.step('and pairs of one prompt, to the end', async () => {
    await page.getByText('Two side by side').click()
    await expect(page.getByRole('heading', { name: 'Left' })).toBeVisible()
    await picture('45-rate-pair')
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press(['ArrowLeft', 'ArrowRight', 'ArrowDown', 'k'][i % 4] as string)
      if (i < 7) await expect(page.getByText(`${i + 1} of 8`)).toBeVisible()
    }
    await expect(page.getByText('Everything is rated')).toBeVisible()
    await picture('46-rate-done')
    await page.getByRole('button', { name: 'Label by 15 ratings' }).click()
    await done(studio, /Label by people/)
    await expect(fact(page, 'Labelled')).toHaveText('16')
    await picture('47-people-results')
  })

  await test.step('correlations and a mix', async () => {
    await show(page, 'Compare')
    await expect(page.getByRole('button', { name: /^Pearson of people and tone: .* over 16 responses/ })).toBeVisible()
    await page.getByRole('button', { name: /^Spearman of tone and people/ }).click()
    await expect(page.getByRole('heading', { name: 'tone and people' })).toBeVisible()
    await picture('48-compare')
    await page.getByRole('button', { name: 'Mix them' }).click()
    await page.getByLabel('Weight of tone').fill('1')
    await page.getByLabel('Weight of people').fill('0.5')
    await picture('49-mix')
    await label(page).click()
    await done(studio, /Label by weighted mix/)
    await expect(fact(page, 'Labelled')).toHaveText('16')
    await expect(page.getByText(/parts people=0.5 tone=1/)).toBeVisible()
  })

  await test.step('a value function can be trained on any of the names', async () => {
    await studio.go('Train')
    await expect(page.getByLabel('Rewards of').getByRole('option')).toHaveText(['a score', 'mix', 'people', 'tone'])
    await studio.go('Reward')
  })

  await test.step('at 1024 x 700 nothing is cut off', async () => {
    await studio.resize(1024, 700)
    for (const view of views) {
      await show(page, view)
      await settled(page)
      await picture(`50-small-${view.toLowerCase().replaceAll(' ', '-')}`)
      await expectNoOverflow(page)
    }
  })
  expect(problems).toEqual([])
})

test('thumbs for the answers of the chat stay, and become a data set to collect from', async ({ studio }) => {
  const { page, go, picture, problems } = studio
  await studio.openSample()
  await go('Chat')
  await page.getByRole('button', { name: /^Generation settings/ }).click()
  await page.getByLabel('Max tokens').fill('10')
  await page.keyboard.press('Escape')
  await page.getByRole('textbox', { name: 'Prompt for all panes' }).fill('Say hello')
  await page.keyboard.press('Enter')
  const turn = page.getByRole('article').last()
  await expect(turn.getByText(/tokens, (ended|cut)/)).toHaveCount(2, { timeout: 120_000 })
  const answer = (i: number) => turn.getByRole('group', { name: /^Answer of/ }).nth(i)
  const up = (i: number) => answer(i).getByRole('button', { name: 'Good answer' })
  const down = (i: number) => answer(i).getByRole('button', { name: 'Bad answer' })

  await up(0).focus()
  await page.keyboard.press('Enter')
  await expect(up(0)).toHaveAttribute('aria-pressed', 'true')
  await up(1).focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('Tab')
  await expect(down(1)).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(down(1)).toHaveAttribute('aria-pressed', 'true')
  await expect(up(1)).toHaveAttribute('aria-pressed', 'false')
  await picture('51-thumbs')

  await page.getByRole('button', { name: /Sample project/ }).first().click()
  await page.getByRole('menuitem', { name: 'Close project' }).click()
  await page.getByRole('button', { name: 'Open the sample project' }).click()
  await go('Chat')
  await expect(up(0)).toHaveAttribute('aria-pressed', 'true')
  await expect(down(1)).toHaveAttribute('aria-pressed', 'true')

  await page.getByRole('button', { name: 'Train on 2 rated answers' }).click()
  await expect(page.getByText(/Chat feedback .* is a data set now, with one example/)).toBeVisible()
  await expect(page.getByRole('heading', { name: 'Collect', level: 1 })).toBeVisible()
  await go('Data')
  await expect(page.getByText(/^Chat feedback \d{4}/).first()).toBeVisible()
  expect(problems).toEqual([])
})
