/** Conversations in the window: history, edit, regenerate, branch, search, presets, export, undo, with the tiny model. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator } from '@playwright/test'
import { writeTinyModel } from '../fixtures/tiny-model.ts'
import { expect, test } from './studio.ts'
import { terminalIn } from './terminal.ts'

test('conversations go on, branch, are found, exported and deleted', async ({ studio }) => {
  const { page, go, picture, folder, problems } = studio
  const cli = terminalIn(folder)
  writeTinyModel(join(folder, 'tiny.gguf'))
  writeFileSync(join(folder, 'rows.jsonl'), Array.from({ length: 20 }, (_, i) => `${JSON.stringify({ prompt: `Is it ${i}?`, score: Math.cos(i) })}\n`).join(''))
  cli('project', 'new', 'p', '--model', 'tiny.gguf')
  cli('data', 'import', 'p', 'rows.jsonl')
  cli('collect', 'p', '--dataset', '1', '--max-tokens', '8', '--device', 'cpu')
  cli('reward', 'p', '--collection', '1', '--source', 'column', '--column', 'score')
  cli('train', 'p', '--collection', '1', '--source', 'column', '--hidden', '16', '--epochs', '3', '--lr', '1e-3', '--device', 'cpu')

  await studio.answerDialog(join(folder, 'p'))
  await page.getByRole('button', { name: 'Open project' }).click()
  await go('Chat')
  const box = page.getByRole('textbox', { name: 'Prompt for all panes' })
  const list = page.getByRole('listbox', { name: 'Conversations' })
  const turns = page.getByRole('article')
  const answered = (turn: Locator): Promise<void> => expect(turn.getByText(/tokens, (ended|cut|stopped)/)).toHaveCount(2, { timeout: 60_000 })
  const send = async (text: string): Promise<void> => {
    await box.fill(text)
    await box.press('Enter')
    await expect(turns.last()).toContainText(text)
    await answered(turns.last())
  }
  await page.getByRole('button', { name: /^Generation settings/ }).click()
  await page.getByLabel('Max tokens').fill('24')
  await page.keyboard.press('Escape')
  await expect(box).toBeVisible()
  await picture('60-chat-empty')

  await test.step('turns follow each other in one conversation', async () => {
    await send('Tell me of the sea')
    await send('And of the mountains')
    await expect(turns).toHaveCount(2)
    await expect(list.getByRole('option')).toHaveCount(1)
    await expect(list).toContainText('Tell me of the sea')
    await expect(box).toBeFocused()
    await box.press('ArrowUp')
    await expect(box).toHaveValue('And of the mountains')
    await box.press('ArrowUp')
    await expect(box).toHaveValue('Tell me of the sea')
    await box.press('ArrowDown')
    await box.press('ArrowDown')
    await expect(box).toHaveValue('')
  })

  await test.step('how full the context is, and what comes when it is full', async () => {
    await expect(page.getByText(/^context \d+ of 2,048$/)).toBeVisible()
    const mostTokens = async (tokens: string): Promise<void> => {
      await page.getByRole('button', { name: /^Generation settings/ }).click()
      await page.getByLabel('Max tokens').fill(tokens)
      await page.keyboard.press('Escape')
    }
    await mostTokens('2040')
    await expect(page.getByText(/^The context is full: an answer of 2,040 tokens does not fit/)).toBeVisible()
    await picture('62-chat-full')
    await mostTokens('24')
    await expect(page.getByText(/^context \d+ of 2,048$/)).toBeVisible()
  })

  await test.step('an edited and a regenerated turn stand beside the first', async () => {
    const last = turns.last()
    await last.getByRole('button', { name: 'Edit the prompt' }).click()
    await page.getByRole('textbox', { name: 'The prompt of this turn' }).fill('And of the desert')
    await picture('61-chat-editing')
    await page.keyboard.press('Enter')
    await expect(last).toContainText('And of the desert')
    await answered(last)
    await last.getByRole('button', { name: 'Regenerate' }).click()
    await expect(last.getByText('Version 3 / 3')).toBeVisible()
    await answered(last)
    await picture('62-chat-siblings')
    await last.getByRole('button', { name: 'The version before' }).click()
    await expect(last.getByText('Version 2 / 3')).toBeVisible()
    await last.getByRole('button', { name: 'The version before' }).click()
    await expect(last).toContainText('And of the mountains')
  })

  await test.step('a branch is a conversation of its own, and another begins with Ctrl+N', async () => {
    await turns.first().getByRole('button', { name: 'Branch' }).click()
    await expect(page.getByRole('heading', { name: 'Tell me of the sea (branch)' })).toBeVisible()
    await expect(turns).toHaveCount(1)
    await box.fill('a draft')
    await page.keyboard.press('ControlOrMeta+n')
    await expect(page.getByRole('heading', { name: 'New conversation' })).toBeVisible()
    await expect(box).toHaveValue('') // every conversation has its own
    await box.fill('another')
    await go('Data')
    await go('Chat')
    await expect(box).toHaveValue('another')
    await list.getByRole('option', { name: /branch/ }).click()
    await expect(box).toHaveValue('a draft')
    await page.keyboard.press('ControlOrMeta+n')
    await expect(box).toHaveValue('another')
    await send('<b>Bold</b> “glacier” 100%_')
    await expect(list.getByRole('option')).toHaveCount(3)
  })

  await test.step('search as one types, rename', async () => {
    const search = page.getByRole('searchbox', { name: 'Search the conversations' })
    await search.pressSequentially('moun')
    await expect(list.getByRole('option')).toHaveCount(1)
    await list.getByRole('option').click()
    await expect(page.getByRole('heading', { name: 'Tell me of the sea', exact: true })).toBeVisible()
    await expect(turns.last()).toContainText('And of the mountains') // the version that has the words
    await picture('63-chat-search')
    await page.getByRole('button', { name: 'Rename the conversation' }).click()
    await page.getByRole('textbox', { name: 'Title of the conversation' }).fill('Landscapes')
    await page.keyboard.press('Enter')
    await search.fill('landscapes')
    await expect(list.getByRole('option')).toHaveText(/^Landscapes/)
    await search.press('Escape')
    await expect(list.getByRole('option')).toHaveCount(3)
  })

  await test.step('export through the save dialog', async () => {
    const file = join(folder, 'out.jsonl')
    await studio.answerSaveDialog(file)
    await page.getByRole('button', { name: 'Export', exact: true }).click()
    await page.getByRole('button', { name: /^Messages, JSONL/ }).click()
    await expect(page.getByText(`The conversation was written to ${file}.`)).toBeVisible()
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { messages: { role: string }[] })
    expect(lines.map(({ messages }) => messages.map(({ role }) => role))).toEqual([['user', 'assistant', 'user', 'assistant'], ['user', 'assistant', 'user', 'assistant']])
  })

  await test.step('presets: a built-in one, and one of one\'s own', async () => {
    await page.getByRole('button', { name: 'Presets', exact: true }).click()
    await page.getByRole('textbox', { name: 'Name of a new preset' }).fill('My pair')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await expect(page.getByRole('button', { name: /^My pair/ })).toBeVisible()
    await picture('64-chat-presets')
    await page.getByRole('button', { name: /^All steered methods/ }).click()
    await expect(page.getByRole('combobox', { name: 'Method of pane 3' })).toHaveValue('pre-control')
    await expect(page.getByRole('slider', { name: 'Target value' })).toBeVisible() // under its name and number, where the panes are narrow
    await picture('65-chat-four-panes')
    await page.getByRole('button', { name: 'Presets', exact: true }).click()
    await page.getByRole('button', { name: /^My pair/ }).click()
    await expect(page.getByRole('combobox', { name: /^Method of pane/ })).toHaveCount(2)
    await page.getByRole('combobox', { name: 'Method of pane 2' }).selectOption('pre-control')
    await expect(page.getByRole('slider', { name: 'Target value' })).toBeVisible()
    await page.getByRole('combobox', { name: 'Method of pane 2' }).selectOption('re-control')
  })

  await test.step('stop with Escape keeps what was said', async () => {
    await page.getByRole('button', { name: /^Generation settings/ }).click()
    await page.getByLabel('Max tokens').fill('1500')
    await page.keyboard.press('Escape')
    await box.fill('Go on and on')
    await box.press('Enter')
    const last = turns.last()
    await expect(last.getByRole('group', { name: /^Answer of/ }).last().getByRole('option').nth(20)).toBeVisible({ timeout: 60_000 })
    await picture('66-chat-streaming')
    await page.keyboard.press('Escape')
    await answered(last)
    await expect(box).toBeFocused()
  })

  await test.step('an engine that dies leaves what was generated', async () => {
    await page.getByRole('button', { name: 'New conversation' }).click() // the context has no room for another in the same
    await box.fill('And once more')
    await box.press('Enter')
    const last = turns.last()
    await expect(last).toContainText('And once more')
    await expect(last.getByRole('group', { name: /^Answer of/ }).last().getByRole('option').nth(20)).toBeVisible({ timeout: 60_000 })
    await studio.app.evaluate(({ app }) => {
      const engine = app.getAppMetrics().find(({ name }) => name === 'RE-Control engine')
      if (engine !== undefined) process.kill(engine.pid, 'SIGKILL')
    })
    await expect(last).toContainText('The studio ended before this was answered. What was generated until then is kept.', { timeout: 60_000 })
    await answered(last)
    await expect(last.getByText(/^[1-9]\d* tokens, stopped/).first()).toBeVisible()
    await page.getByRole('region', { name: 'Messages' }).getByRole('button', { name: 'Dismiss' }).first().click()
  })

  await test.step('delete, and take it back', async () => {
    await page.getByRole('button', { name: 'Delete the conversation' }).click()
    await expect(list.getByRole('option')).toHaveCount(3)
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(list.getByRole('option')).toHaveCount(4)
    await list.getByRole('option', { name: /^Landscapes/ }).click()
    await expect(page.getByRole('heading', { name: 'Landscapes' })).toBeVisible()
  })

  await test.step('at 1024 x 700, with and without the list', async () => {
    await page.setViewportSize({ width: 1024, height: 700 })
    await picture('67-chat-small')
    await page.getByRole('button', { name: 'Hide the conversations' }).click()
    await expect(list).toBeHidden()
    await picture('68-chat-small-alone')
    await page.reload()
    await go('Chat')
    await expect(page.getByRole('button', { name: 'Show the conversations' })).toBeVisible()
  })

  await test.step('thumbs lead to a collection', async () => {
    await turns.first().getByRole('button', { name: 'Good answer' }).first().click()
    await turns.first().getByRole('button', { name: 'Bad answer' }).nth(1).click()
    await page.getByRole('button', { name: 'Train on 2 rated answers' }).click()
    await expect(page.getByRole('heading', { name: 'Collect', level: 1 })).toBeVisible()
    await expect(page.getByLabel('Data set').locator('option:checked')).toContainText('Chat feedback')
    await expect(page.getByRole('combobox', { name: 'Responses' })).toHaveValue('chosen')
  })
  expect(problems).toEqual([])
})
