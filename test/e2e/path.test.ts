/** The whole path in the window, with the sample project and its real model: from the data to a steered answer and a table. */
import { expect, test } from './studio.ts'

test('from the sample project to a steered answer', async ({ studio }) => {
  const { page, go, picture, problems } = studio
  const done = (title: RegExp) => expect(page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: title }).first()).toContainText('Done', { timeout: 240_000 })

  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  await picture('01-start')
  await studio.openSample()

  await test.step('every stage before there is anything', async () => {
    for (const stage of ['Collect', 'Reward', 'Train', 'Chat', 'Evaluate']) {
      await go(stage)
      await picture(`02-empty-${stage.toLowerCase()}`)
    }
  })

  await test.step('the data can be searched, and shows the prompt as the model gets it', async () => {
    await go('Data')
    await page.getByRole('searchbox').fill('Monday')
    await expect(page.getByText('320 found')).toBeHidden()
    await picture('03-data')
    await page.getByRole('button', { name: 'Show as the model gets it' }).click()
    await expect(page.getByText('<|user|>')).toBeVisible({ timeout: 60_000 })
  })

  await test.step('the model shows its facts', async () => {
    await go('Model')
    await expect(page.getByText('IQ2_XXS').first()).toBeVisible()
    await expect(page.getByText(/2.?048/).first()).toBeVisible()
    await picture('04-model')
  })

  await test.step('collect with live progress', async () => {
    await go('Collect')
    await page.getByLabel('Limit, prompts').fill('24')
    await page.getByLabel('Max tokens').fill('12')
    await page.getByRole('button', { name: 'Start collecting' }).click()
    await expect(page.getByText(/tokens\/s/).first()).toBeVisible({ timeout: 60_000 })
    await picture('05-collecting')
    await done(/Collect/)
    await picture('06-collected')
  })

  await test.step('data that responses were collected for is not deleted', async () => {
    await go('Data')
    await page.getByRole('button', { name: /^Delete / }).click()
    await expect(page.getByRole('alert').filter({ hasText: 'cannot be deleted' })).toBeVisible()
    await picture('06-not-deleted')
    await page.getByRole('alert').getByRole('button', { name: 'Dismiss' }).click()
    await expect(page.getByText('248 train')).toBeVisible()
  })

  await test.step('label by tone', async () => {
    await go('Reward')
    await page.getByRole('button', { name: 'Label', exact: true }).click()
    await done(/Label/)
    await expect(page.getByRole('definition').filter({ hasText: /^24$/ })).toBeVisible()
    await picture('07-labelled')
  })

  await test.step('train with a live loss chart', async () => {
    await go('Train')
    await page.getByLabel('Hidden width').fill('256')
    await page.getByLabel('Epochs').fill('8')
    await page.getByRole('main').getByRole('button', { name: 'Train', exact: true }).click()
    await done(/Train/)
    await picture('08-trained')
    await page.getByRole('button', { name: 'Draw it' }).click()
    const landscape = page.getByRole('img', { name: /^V over the states' two principal components: .* a state's way from/ })
    await landscape.scrollIntoViewIfNeeded({ timeout: 60_000 })
    await picture('08-landscape')
    await page.getByRole('radiogroup', { name: 'Plane' }).getByText('Component and gradient').click()
    await expect(page.getByRole('img', { name: /^V over the first component and the mean gradient: .* a state's way from/ })).toBeVisible({ timeout: 60_000 })
    await picture('08-landscape-ascent')
  })

  await test.step('chat side by side; the sliders act on the next message', async () => {
    await go('Chat')
    await page.getByRole('button', { name: /^Generation settings/ }).click()
    await page.getByLabel('Max tokens').fill('16')
    await page.keyboard.press('Escape')
    const send = async (text: string): Promise<[string, string]> => {
      await page.getByRole('textbox', { name: 'Prompt for all panes' }).fill(text)
      await page.keyboard.press('Enter')
      const turn = page.getByRole('article').last()
      await expect(turn).toContainText(text)
      await expect(turn.getByText(/tokens, (ended|cut)/)).toHaveCount(2, { timeout: 120_000 })
      const answers = turn.getByRole('group', { name: /^Answer of/ })
      return [await answers.nth(0).locator('[data-testid=answer-text]').innerText(), await answers.nth(1).locator('[data-testid=answer-text]').innerText()]
    }
    const alpha = page.getByRole('spinbutton', { name: /Step size/ }).first()
    await alpha.fill('0')
    await alpha.press('Tab')
    const [base, unsteered] = await send('How was your day?')
    expect(unsteered.startsWith(base)).toBe(true) // alpha 0 is the base model; a legend of the values follows the text
    await page.getByRole('button', { name: 'New conversation' }).click() // in the same one the second answer would go on from the first
    await alpha.fill('8')
    await alpha.press('Tab')
    const [baseAgain, steered] = await send('How was your day?')
    expect(baseAgain).toBe(base) // the same seed
    expect(steered.startsWith(base)).toBe(false)
    await picture('09-chat')
  })

  await test.step('evaluate and read the table', async () => {
    await go('Evaluate')
    await page.getByLabel('Limit, prompts').fill('6')
    await page.getByLabel('Max tokens').fill('12')
    await page.getByRole('button', { name: 'Run evaluation' }).click()
    await done(/Evaluate/)
    await expect(page.getByRole('row', { name: /RE-Control|re-control/ }).first()).toBeVisible()
    await picture('10-evaluated')
  })

  await test.step('the same at 1024 x 700', async () => {
    await studio.resize(1024, 700)
    for (const stage of ['Model', 'Data', 'Collect', 'Reward', 'Train', 'Chat', 'Evaluate']) {
      await go(stage)
      await picture(`11-small-${stage.toLowerCase()}`)
    }
  })

  expect(problems).toEqual([])
})

test('by keyboard: stages and the palette', async ({ studio }) => {
  const { page } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('navigation')).toBeVisible()
  for (const [key, stage] of ['Model', 'Data', 'Collect', 'Reward', 'Train', 'Chat', 'Evaluate'].entries()) {
    await page.keyboard.press(`Control+${key + 1}`)
    await expect(page.getByRole('heading', { name: stage, level: 1 })).toBeVisible()
  }
  await page.keyboard.press('Control+k')
  await expect(page.getByRole('dialog')).toBeVisible()
  await studio.picture('12-palette')
})
