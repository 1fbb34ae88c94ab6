/** The Evaluate stage with the sample's model: a form that says what is wrong, a study with a sweep, and everything behind its table. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from './studio.ts'

test('a study from its form to its figures', async ({ studio }) => {
  test.setTimeout(15 * 60_000)
  const { page, go, picture, problems, folder } = studio
  const done = () => expect(page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: /Evaluate|Extend/ }).first()).toContainText('Done', { timeout: 400_000 })
  const run = page.getByRole('button', { name: 'Run evaluation' })
  const rows = page.getByRole('grid').getByRole('row')
  await studio.openSample()
  await go('Evaluate')

  await test.step('what is wrong is said beside its field, and nothing starts', async () => {
    await page.getByRole('button', { name: 'Add a method' }).click()
    await page.getByLabel('Method 3', { exact: true }).last().selectOption('re-control')
    await expect(page.getByText('It needs a value function: train one first.')).toBeVisible()
    await expect(run).toBeDisabled()
    await page.getByLabel('Method 3', { exact: true }).last().selectOption('prompting')
    await expect(page.getByText('The same as method 2, with the same settings.')).toBeVisible()
    await picture('20-evaluate-faults')
    await page.getByRole('button', { name: 'Remove method 3' }).click()
    await expect(run).toBeEnabled()
  })

  await test.step('a sweep is counted before it starts', async () => {
    await page.getByLabel("Sweep a method's settings").check()
    await page.getByLabel('Method of the sweep').selectOption('best-of-n')
    await page.getByRole('textbox', { name: 'Values' }).fill('1, two')
    await expect(page.getByText('“two” is not a number.')).toBeVisible()
    await page.getByRole('textbox', { name: 'Values' }).fill('1, 2')
    await page.getByLabel('Limit, prompts').fill('3')
    await page.getByLabel('Max tokens').fill('8')
    await page.getByLabel('Add a metric').selectOption('length')
    await expect(page.getByText('(2 methods + 2 points) × 3 prompts × 1 seed')).toBeVisible()
    await picture('21-evaluate-form')
  })

  await test.step('it runs in sight, and the table has a row for every method and point', async () => {
    await run.click()
    await expect(page.getByRole('progressbar', { name: 'Evaluation' })).toBeVisible()
    await picture('22-evaluating')
    await done()
    await expect(rows).toHaveCount(5)
    await expect(page.getByRole('columnheader', { name: /length/ })).toBeVisible()
    await picture('23-evaluated')
  })

  await test.step('the table is sorted by a figure', async () => {
    const reward = page.getByRole('columnheader', { name: 'Reward', exact: true })
    await reward.getByRole('button').click()
    await expect(reward).toHaveAttribute('aria-sort', 'descending')
    const means = await page.getByRole('button', { name: /^Reward of/ }).locator('b').allInnerTexts()
    const numbers = means.map((mean) => Number(mean.replace('−', '-')))
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a))
  })

  await test.step('a cell opens the responses behind it, and the arrows go through them', async () => {
    await page.getByRole('button', { name: /^length.* of Prompting/ }).click()
    const list = page.getByRole('listbox', { name: 'Prompts' })
    await expect(list.getByRole('option')).toHaveCount(3)
    await expect(page.getByLabel('Order by', { exact: true })).toHaveValue(/^length/)
    await expect(list).toBeFocused()
    await page.keyboard.press('ArrowDown')
    await expect(list.getByRole('option').nth(1)).toHaveAttribute('aria-selected', 'true')
    await expect(page.getByRole('region', { name: 'Response of Prompting' })).toBeVisible()
    await picture('24-responses')
  })

  await test.step('the figures, each as a table too', async () => {
    await page.getByText('Figures', { exact: true }).click()
    await page.getByRole('button', { name: 'Show Time against reward as table' }).click()
    await expect(page.getByRole('region', { name: 'Time against reward, table' }).getByRole('row')).toHaveCount(5)
    await page.getByRole('button', { name: 'Show Time against reward as chart' }).click()
    await picture('25-figures')
  })

  await test.step('two columns are compared', async () => {
    await page.getByText('Compare', { exact: true }).click()
    await expect(page.getByText('p, two-sided')).toBeVisible()
    await picture('26-compare')
  })

  await test.step('it is exported where the dialog says', async () => {
    const file = join(folder, 'study.tex')
    await studio.answerSaveDialog(file)
    await page.getByRole('button', { name: 'Export' }).click()
    await page.getByRole('button', { name: 'LaTeX table' }).click()
    await expect.poll(() => existsSync(file)).toBe(true)
    expect(readFileSync(file, 'utf8')).toContain('tabular')
  })

  await test.step('a finished one is extended: the new method is the last row', async () => {
    await page.getByRole('button', { name: 'Extend' }).click()
    await page.getByRole('button', { name: 'Add a method' }).click()
    await page.getByLabel('Method 5', { exact: true }).last().selectOption('prompting')
    await expect(page.getByText('It is in the table already, with the same settings.')).toBeVisible()
    await page.getByLabel('Instruction').fill('Answer in one cheerful sentence.')
    await page.getByRole('button', { name: 'Extend evaluation' }).click()
    await page.getByText('Table', { exact: true }).click()
    await expect(rows).toHaveCount(6, { timeout: 400_000 })
    await picture('27-extended')
  })

  await test.step('a point of the sweep goes to the chat with its settings', async () => {
    await page.getByRole('button', { name: /^Open Best of N.* in chat/ }).first().click()
    await expect(page.getByRole('heading', { name: 'Chat', level: 1 })).toBeVisible()
    await expect(page.getByLabel('Method of pane 1')).toHaveValue('base')
    await expect(page.getByLabel('Method of pane 2')).toHaveValue('best-of-n')
    await picture('28-in-chat')
  })

  await test.step('the same at 1024 x 700', async () => {
    await studio.resize(1024, 700)
    await go('Evaluate')
    for (const tab of ['Figures', 'Responses', 'Table']) {
      await page.getByRole('radiogroup', { name: 'What is shown' }).getByText(tab).click()
      await picture(`29-small-${tab.toLowerCase()}`)
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true)
    }
  })

  expect(problems).toEqual([])
})
