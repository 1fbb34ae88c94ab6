/** A search in a conversation that is longer than a request gives turns of it. */
import { ask } from './port.ts'
import { expect, test } from './studio.ts'
import { withModel } from './tiny-project.ts'

test('what a search finds at the beginning of a long conversation is shown', async ({ studio }) => {
  const { page, go, problems } = studio
  await withModel(studio)
  let conversation: number | null = null
  let parent: number | null = null
  for (let i = 0; i <= 101; i++) {
    const sent = await ask(page, 'chat.send', { prompt: i === 0 ? 'Tell me of the glacier' : `And ${i}?`, conversation, parent, panes: [{ name: 'base' }], maxTokens: 1 })
    const { turn, conversation: id } = sent.output as { turn: number; conversation: number }
    conversation = id
    parent = turn
    await expect.poll(async () => ((await ask(page, 'chat.path', { conversation, limit: 1 })).output as { answering: number | null }).answering, { intervals: [5, 5, 10, 20, 50] }).toBeNull()
  }
  await page.reload()
  await go('Chat')
  await expect(page.getByRole('article')).toHaveCount(20)
  await page.getByRole('searchbox', { name: 'Search the conversations' }).fill('glacier')
  await page.getByRole('listbox', { name: 'Conversations' }).getByRole('option', { name: /glacier.*glacier/ }).click() // its title, and what was found
  const found = page.getByRole('article', { name: /glacier/ })
  await expect(found).toBeInViewport()
  await expect(page.getByRole('article')).toHaveCount(102)
  expect(problems).toEqual([])
})
