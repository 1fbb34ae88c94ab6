import { previewData } from '../../engine/data/preview.ts'
import type { Command } from '../command.ts'
import { importFlags, importSettingsFrom, importUsage } from './data-import.ts'

const shownCharacters = 300

/** Exit code 1 when one of the first rows would be rejected. */
export const dataPreview: Command = {
  name: 'data preview',
  usage: `data preview FILE ${importUsage}`,
  positionals: ['FILE'],
  flags: importFlags,
  async run({ engine, terminal }, input) {
    const preview = await previewData(importSettingsFrom(input.positionals[0] ?? '', input), engine.options.cacheDirectory)
    const { format, columns, rows, rejected } = preview
    terminal.result(preview, [
      `${format}; columns: ${columns.join(', ')}`,
      ...rows.flatMap(({ line, split, prompt, chosen, rejected: worse, warnings }) => [
        '',
        `line ${line} (${split})`,
        `  prompt:   ${shortened(prompt)}`,
        ...(chosen === null ? [] : [`  chosen:   ${shortened(chosen)}`]),
        ...(worse === null ? [] : [`  rejected: ${shortened(worse)}`]),
        ...warnings.map((warning) => `  warning:  ${warning}`)
      ])
    ])
    for (const { line, reason } of rejected) terminal.note(`Line ${line} would be rejected: ${reason}`)
    return rejected.length === 0 ? 0 : 1
  }
}

/** A text's end is what tells prompts apart, so it is the middle that goes. */
function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= shownCharacters ? line : `${line.slice(0, shownCharacters / 2)} ... ${line.slice(-shownCharacters / 2)}`
}
