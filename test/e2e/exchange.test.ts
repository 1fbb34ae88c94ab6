/** Value functions and states of the Python code, in and out of the window. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pickled, pickleTensor, stateDictFile, storageBytes, torchZip } from '../fixtures/torch-file.ts'
import { expect, test } from './studio.ts'

/** Numbers of a state of the sample's model. */
const D = 2048
const few = (count: number): number[] => Array.from({ length: count }, (_, i) => (i % 64) / 8)

test('a value function of PyTorch comes in and goes out, and the public code\'s features become a collection', async ({ studio }) => {
  const { page, folder } = studio
  await studio.openSample()

  await studio.go('Train')
  const file = join(folder, 'value_model_vicuna.pth')
  writeFileSync(file, stateDictFile([{ name: 'fc1.weight', shape: [1, D], values: few(D) }, { name: 'fc1.bias', shape: [1], values: [0] }]))
  await studio.answerDialog(file)
  await page.getByRole('button', { name: 'Import a value function' }).click()
  await expect(page.getByRole('heading', { name: 'value_model_vicuna.pth' })).toBeVisible()
  await expect(page.getByText(`${D} → 1`)).toBeVisible()
  await studio.picture('exchange-value-function')
  const exported = join(folder, 'v.safetensors')
  await studio.answerSaveDialog(exported)
  await page.getByRole('button', { name: 'Export the value function' }).click()
  await expect(page.getByText(`Written to ${exported}`)).toBeVisible()
  expect(readFileSync(exported, 'latin1')).toContain('"fc1.weight"')

  writeFileSync(file, torchZip(pickled(Buffer.from('cos\nsystem\n')), {}))
  await page.getByRole('button', { name: 'Import a value function' }).click()
  await expect(page.getByText(/"os\.system", which a state_dict does not need\. Nothing was run/)).toBeVisible()

  const dismiss = page.getByRole('region', { name: 'Messages' }).getByRole('button', { name: 'Dismiss' })
  while ((await dismiss.count()) > 0) await dismiss.first().click()

  const features = join(folder, 'features')
  mkdirSync(features)
  writeFileSync(join(features, 'm_token_wise_activations_train.pth'), torchZip(pickled(pickleTensor({ type: 'BFloat16Storage', key: '0', shape: [2, 3, D], elements: 6 * D })), { 0: storageBytes('BFloat16Storage', few(6 * D)) }))
  writeFileSync(join(features, 'm_mask_train.pth'), torchZip(pickled(pickleTensor({ type: 'BoolStorage', key: '0', shape: [2, 3], elements: 6 })), { 0: storageBytes('BoolStorage', [1, 1, 1, 1, 1, 0]) }))
  writeFileSync(join(features, 'm_response_train.json'), JSON.stringify([0, 1].map((i) => ({ prompt: `why ${i}?`, response: `why ${i}? so`, results: ' so' }))))
  await studio.go('Collect')
  await studio.answerDialog(features)
  await page.getByRole('button', { name: 'Import states' }).click()
  await expect(page.getByText('2 responses, 5 states')).toBeVisible()
  await studio.picture('exchange-states')
  await studio.answerDialog(folder)
  await page.getByRole('button', { name: 'Export the states' }).click()
  await expect.poll(() => readdirSync(folder)).toContain('collection-1-states')
  expect(readdirSync(join(folder, 'collection-1-states'))).toEqual(['collection.json', 'responses.jsonl', 'states-00001-of-00001.safetensors'])
  expect(studio.problems).toEqual([])
})
