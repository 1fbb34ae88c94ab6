/** From the first start to a steered answer by keyboard alone: no pointer is used, and no focus is set by the test. */
import type { Page } from '@playwright/test'
import { expect, test } from './studio.ts'

/** Presses Tab until the control with that name has the focus, as a person would who looks for it. */
async function tabTo(page: Page, name: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const element = document.activeElement
      if (element === null || element === document.body) return ''
      const label = 'labels' in element ? (element as HTMLInputElement).labels?.[0]?.textContent : undefined
      return (element.getAttribute('aria-label') ?? label ?? element.textContent).replaceAll(/\s+/g, ' ').trim()
    })
  const passed: string[] = []
  for (let presses = 0; presses < 60; presses++) {
    const at = await focused()
    if (name.test(at)) return
    passed.push(at.slice(0, 30))
    await page.keyboard.press(key)
  }
  throw new Error(`${String(name)} was not reached by ${key}; it passed ${passed.join(' | ')}`)
}

test('the sample project by keyboard alone, to a steered answer', async ({ studio }) => {
  const { page, problems } = studio
  const { keyboard } = page
  const stage = (title: string) => expect(page.getByRole('heading', { name: title, level: 1 })).toBeVisible()
  const done = (title: RegExp) => expect(page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: title }).first()).toContainText('Done', { timeout: 240_000 })
  const fill = async (name: RegExp, value: string): Promise<void> => {
    await tabTo(page, name)
    await keyboard.press('Control+a')
    await keyboard.type(value)
  }

  await test.step('the first start has the sample project under Enter', async () => {
    await expect(page.getByRole('button', { name: 'Open the sample project' })).toBeFocused()
    await keyboard.press('Enter')
    await expect(page.getByRole('navigation', { name: 'Stages' })).toBeVisible()
    await keyboard.press('Control+2')
    await expect(page.getByText('248 train')).toBeVisible()
  })

  await test.step('collect: Tab reaches the fields, Enter in one of them runs', async () => {
    await keyboard.press('Control+3')
    await stage('Collect')
    await fill(/^Limit, prompts/, '12')
    await fill(/^Max tokens/, '8')
    await keyboard.press('Enter')
    await done(/Collect/)
  })

  await test.step('the next stage is a primary button, and a key', async () => {
    await expect(page.getByRole('button', { name: 'Next: Reward' })).toBeVisible()
    await keyboard.press('Control+.')
    await stage('Reward')
    await expect(page.getByRole('main').getByRole('button', { name: 'Label', exact: true })).toBeEnabled()
    await keyboard.press('Control+Enter')
    await done(/Label/)
  })

  await test.step('train', async () => {
    await keyboard.press('Control+.')
    await stage('Train')
    await fill(/^Hidden width/, '64')
    await fill(/^Epochs/, '4')
    await keyboard.press('Control+Enter')
    await done(/Train/)
  })

  await test.step('chat: the prompt has the focus, Enter sends', async () => {
    await keyboard.press('Control+.')
    await stage('Chat')
    await expect(page.getByRole('textbox', { name: 'Prompt for all panes' })).toBeFocused()
    await tabTo(page, /^Generation settings/)
    await keyboard.press('Enter')
    await fill(/^Max tokens/, '8')
    await keyboard.press('Escape')
    await tabTo(page, /^Prompt for all panes/, 'Shift+Tab')
    await keyboard.type('How was your day?')
    await keyboard.press('Enter')
    await expect(page.getByText(/tokens, (ended|cut)/)).toHaveCount(2, { timeout: 120_000 })
  })

  await test.step('a command by its name, help, and back', async () => {
    await keyboard.press('Control+k')
    await keyboard.type('go eval')
    await keyboard.press('Enter')
    await stage('Evaluate')
    await keyboard.press('F1')
    await expect(page.getByRole('dialog', { name: 'Help' })).toBeVisible()
    await keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toBeHidden()
    await page.keyboard.press('Control+k')
    await keyboard.type('close project')
    await keyboard.press('Enter')
    await expect(page.getByRole('button', { name: 'Open the sample project' })).toBeFocused()
  })

  await test.step('the project comes back with the stage that was in front', async () => {
    await keyboard.press('Enter')
    await stage('Evaluate')
  })
  expect(problems).toEqual([])
})
