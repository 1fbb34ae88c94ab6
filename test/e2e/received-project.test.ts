/** A project that somebody sent, in the real window: one click on Label runs none of its commands. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from './studio.ts'
import { terminalIn } from './terminal.ts'
import { writeTinyModel } from '../fixtures/tiny-model.ts'

test('its command is shown in full, waits for a confirmation that is not the default, and then runs', async ({ studio }) => {
  const { page, folder, go, picture, problems } = studio
  const project = join(folder, 'Received')
  const canary = join(folder, 'canary')
  const script = join(folder, 'score.mjs')
  writeTinyModel(join(folder, 'tiny.gguf'))
  writeFileSync(join(folder, 'rows.jsonl'), [1, 2, 3].map((i) => `${JSON.stringify({ prompt: `Question ${i}?` })}\n`).join(''))
  writeFileSync(script, "import { appendFileSync } from 'node:fs'\nimport { createInterface } from 'node:readline'\nappendFileSync(process.argv[2], 'ran')\ncreateInterface({ input: process.stdin }).on('line', (line) => console.log(JSON.stringify({ id: JSON.parse(line).id, reward: 1 })))\n")
  const cli = terminalIn(folder)
  cli('project', 'new', project, '--model', join(folder, 'tiny.gguf'))
  cli('data', 'import', project, join(folder, 'rows.jsonl'))
  cli('collect', project, '--dataset', '1', '--split', 'all', '--max-tokens', '4', '--device', 'cpu')
  const command = [process.execPath, script, canary]
  writeFileSync(join(project, 'settings.json'), JSON.stringify({ data: { file: 'rows.jsonl' }, evaluate: { methods: [{ name: 'base' }] }, reward: { source: 'program', name: 'theirs', settings: { command: command[0], arguments: command.slice(1) } } }))

  await studio.answerDialog(project)
  await page.getByRole('button', { name: 'Open project' }).click()
  await go('Reward')
  const label = page.getByRole('button', { name: 'Label', exact: true })
  await expect(label).toBeEnabled() // the form begins with the project's own settings
  const dialog = page.getByRole('dialog', { name: 'Allow this on your machine?' })
  const ask = async (): Promise<void> => {
    await label.click()
    await expect(dialog).toBeVisible()
  }

  await ask()
  await expect(dialog.getByRole('region', { name: 'What it asks for' })).toHaveText(command.map((word) => JSON.stringify(word)).join(' '))
  await expect(dialog.getByText('Nobody on this machine has asked for it yet.')).toBeVisible()
  await expect(dialog.getByRole('button', { name: 'Allow and start' })).toBeDisabled()
  await picture('60-received-project')
  await page.keyboard.press('Enter') // what is in front is Cancel
  await expect(dialog).toBeHidden()
  await ask()
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
  await expect(page.getByRole('region', { name: 'Jobs' }).getByText(/Label by/)).toHaveCount(0)
  expect(existsSync(canary)).toBe(false)

  await ask()
  await dialog.getByRole('checkbox', { name: 'I have read it and want it' }).check()
  await dialog.getByRole('button', { name: 'Allow and start' }).click()
  await expect(page.getByRole('region', { name: 'Jobs' }).getByRole('listitem').filter({ hasText: /Label by theirs/ }).first()).toContainText('Done', { timeout: 60_000 })
  expect(existsSync(canary)).toBe(true)
  expect(problems).toEqual([])
})
