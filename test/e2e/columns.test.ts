/** An adapter chosen as a file in the chat, beside the model as it is: the sample's quantised model with a random LoRA. */
import { join } from 'node:path'
import { writeGguf } from '../../src-main/engine/models/gguf-writer.ts'
import { normals, seededRandom } from '../fixtures/random.ts'
import { expect, test } from './studio.ts'

const width = 2048 // TinyLlama's
const rank = 4

test('a LoRA adapter as a pane of the chat', async ({ studio }) => {
  const { page, go, picture, openSample, problems } = studio
  const random = seededRandom(3)
  const loraFile = join(studio.folder, 'tone-dpo.gguf')
  writeGguf(loraFile, {
    'general.type': { string: 'adapter' }, 'general.architecture': { string: 'llama' }, 'adapter.type': { string: 'lora' }, 'adapter.lora.alpha': { f32: rank }
  }, [4, 9].flatMap((layer) => [
    { name: `blk.${layer}.attn_output.weight.lora_a`, dims: [width, rank], data: normals(random, width * rank, 1 / Math.sqrt(width)) },
    { name: `blk.${layer}.attn_output.weight.lora_b`, dims: [rank, width], data: normals(random, width * rank, 4) }
  ]))
  await openSample()
  await go('Chat')
  await page.getByRole('button', { name: /^Generation settings/ }).click()
  await page.getByLabel('Max tokens').fill('12')
  await page.keyboard.press('Escape')
  await page.getByRole('combobox', { name: 'Method of pane 2' }).selectOption('lora')
  const send = page.getByRole('textbox', { name: 'Prompt for all panes' })
  await studio.answerDialog(loraFile)
  await page.getByRole('button', { name: 'Adapter file: choose a file' }).click()
  await expect(page.getByRole('textbox', { name: 'Adapter file' })).toHaveValue(loraFile)
  await send.fill('How was your day?')
  await page.keyboard.press('Enter')
  const turn = page.getByRole('article').last()
  await expect(turn.getByText(/tokens, (ended|cut)/)).toHaveCount(2, { timeout: 120_000 })
  const answers = turn.getByRole('group', { name: /^Answer of/ }).locator('[data-testid=answer-text]')
  expect(await answers.nth(1).innerText()).not.toBe(await answers.nth(0).innerText())
  await picture('20-chat-lora')

  await page.getByRole('textbox', { name: 'Adapter file' }).fill(join(studio.folder, 'none.gguf'))
  await send.fill('And now?')
  await page.keyboard.press('Enter')
  await expect(page.getByText(/there is no file .*none\.gguf/i)).toBeVisible()
  expect(problems).toEqual([])
})
