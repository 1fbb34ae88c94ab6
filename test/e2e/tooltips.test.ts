/** What a control does is said over it: to the pointer, to the keyboard and to a screen reader. */
import { expect, test } from './studio.ts'

test('a tooltip comes by pointer and by Tab, and goes by Escape', async ({ studio }) => {
  const { page, problems } = studio
  const tooltip = page.getByRole('tooltip')
  const create = page.getByRole('button', { name: 'New project' })
  await create.hover()
  await expect(tooltip).toHaveText(/Shift\+N|⇧⌘N/)
  await page.keyboard.press('Escape')
  await expect(tooltip).toBeHidden()

  await page.mouse.move(0, 0)
  await expect(page.getByRole('button', { name: 'Open the sample project' })).toBeFocused()
  await page.keyboard.press('Tab')
  await expect(create).toBeFocused()
  await expect(tooltip).toBeVisible()
  await expect(create).toHaveAccessibleDescription(/Shift\+N|⇧⌘N/)
  await page.keyboard.press('Tab')
  await expect(tooltip).toHaveText(/O$/)
  await expect(create).toHaveAccessibleDescription('')
  await page.keyboard.press('Escape')
  await expect(tooltip).toBeHidden()
  await expect(page.getByRole('button', { name: 'Open project' })).toBeFocused()
  expect(problems).toEqual([])
})
