/** An answer of the chat looked at in every way: as text, against the base, token by token, and on the landscape. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { expect, test } from './studio.ts'
import { terminalIn } from './terminal.ts'

test('text, differences, values with their cards, and the landscape at the token', async ({ studio }) => {
  const { page, go, picture, folder, problems } = studio
  const cli = terminalIn(folder)
  writeTinyModel(join(folder, 'tiny.gguf'), { says: '*<img src=x>' })
  const rows = Array.from({ length: 12 }, (_, i) => ({ prompt: `Is number ${i} odd?`, score: Math.cos(i) }))
  writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  cli('project', 'new', 'p', '--model', 'tiny.gguf')
  cli('data', 'import', 'p', 'rows.jsonl')
  cli('collect', 'p', '--dataset', '1', '--max-tokens', '16', '--device', 'cpu')
  cli('reward', 'p', '--collection', '1', '--source', 'column', '--column', 'score')
  cli('train', 'p', '--collection', '1', '--source', 'column', '--hidden', '32', '--epochs', '4', '--lr', '1e-3', '--device', 'cpu')

  await studio.answerDialog(join(folder, 'p'))
  await page.getByRole('button', { name: 'Open project' }).click()
  await go('Chat')
  await page.getByRole('textbox', { name: 'Prompt for all panes' }).fill('Is number 3 odd?')
  await page.keyboard.press('Enter')
  const turn = page.getByRole('article').last()
  await expect(turn.getByText(/tokens, (ended|cut)/)).toHaveCount(2, { timeout: 60_000 })
  const base = turn.getByRole('group', { name: 'Answer of Base' })
  const steered = turn.getByRole('group', { name: /^Answer of RE-Control/ })

  // a short answer is read again by itself
  await expect(steered.getByText('mean KL')).toBeVisible({ timeout: 60_000 })
  await expect(base.getByText('mean KL')).toContainText('0.000')
  const strip = steered.getByRole('listbox')
  await strip.focus()
  await page.keyboard.press('ArrowRight')
  await expect(strip.getByRole('option').nth(1)).toHaveAttribute('aria-selected', 'true')
  await expect(strip.getByRole('option').nth(1)).toHaveAttribute('aria-label', /value .* before, .* after an edit of .*; KL to base/)
  await expect(page.getByText("Base's top", { exact: true })).toBeVisible()
  await picture('chat-token')

  await page.getByRole('button', { name: 'Value landscape', exact: true }).click()
  const panel = page.getByRole('complementary', { name: 'Value landscape' })
  await expect(panel.getByText('token 2, RE-Control')).toBeVisible({ timeout: 60_000 })
  await expect(panel.getByRole('img', { name: /a state's way from/ })).toBeVisible()
  await strip.focus()
  await page.keyboard.press('ArrowRight')
  await expect(panel.getByText('token 3, RE-Control')).toBeVisible()
  await picture('chat-landscape')
  await base.getByRole('option').first().hover()
  await expect(panel.getByText('token 1, Base')).toBeVisible()
  await expect(panel.getByText('This answer edits nothing here')).toBeVisible()
  await panel.getByRole('button', { name: 'Close the value landscape' }).click()

  await steered.getByRole('button', { name: 'Show Along the tokens as table' }).click()
  await expect(steered.getByRole('columnheader', { name: "Base's top" })).toBeVisible()
  await page.getByText('Numbers', { exact: true }).click()
  await picture('chat-numbers')
  await page.getByText('Differences', { exact: true }).click()
  await picture('chat-differences')
  // what the model wrote would be an element that fetches something
  await page.getByText('Text', { exact: true }).click()
  await expect(base.getByTestId('answer-text')).toContainText('<img src=x>')
  expect(await turn.locator('[src], a, img, script, iframe').count()).toBe(0)
  await picture('chat-text')
  expect(problems).toEqual([])
})

test('a long answer is all there, and the keyboard reaches each of its tokens', async ({ studio }) => {
  const { page, go, folder, problems } = studio
  writeTinyModel(join(folder, 'tiny.gguf'), { repeats: 'abcdefg ' })
  terminalIn(folder)('project', 'new', 'p', '--model', 'tiny.gguf')
  await studio.answerDialog(join(folder, 'p'))
  await page.getByRole('button', { name: 'Open project' }).click()
  await go('Chat')
  await page.getByRole('button', { name: /^Generation settings/ }).click()
  await page.getByLabel('Max tokens').fill('600')
  await page.keyboard.press('Escape')
  await page.getByRole('textbox', { name: 'Prompt for all panes' }).fill('abc')
  await page.keyboard.press('Enter')
  const answer = page.getByRole('article').last().getByRole('group', { name: /^Answer of/ }).first()
  await expect(answer.getByText('600 tokens, cut')).toBeVisible({ timeout: 60_000 })
  const strip = answer.getByRole('listbox')
  const token = (place: number): ReturnType<typeof strip.locator> => strip.locator(`[role=option][aria-posinset="${place}"][aria-setsize="600"]`)
  await strip.focus()
  for (const [key, place] of [['End', 600], ['ArrowUp', 590], ['Home', 1], ...Array.from({ length: 30 }, (_, i) => ['ArrowDown', 11 + 10 * i])] as [string, number][]) {
    await page.keyboard.press(key)
    await expect(token(place)).toHaveAttribute('aria-selected', 'true')
  }
  await expect(strip).toHaveAttribute('aria-activedescendant', (await token(301).getAttribute('id')) ?? 'it has none')
  await expect(token(301)).toBeInViewport()
  expect((await strip.textContent())?.trimStart()).toMatch(/^\w*(?: ?abcdefg)+(?: \w*)?$/)
  expect((await strip.textContent())?.length).toBeGreaterThanOrEqual(600)
  expect(problems).toEqual([])
})
