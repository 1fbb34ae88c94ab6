/** Every data format, in the order in which a file is tried on them; adding one is adding a file and a line here. */
import type { DataFormat } from '../../contract/data.ts'
import type { Format } from './format.ts'
import { conversation } from './formats/conversation.ts'
import { hhRlhf } from './formats/hh-rlhf.ts'
import { implicitPreference } from './formats/implicit-preference.ts'
import { preference } from './formats/preference.ts'
import { prompts } from './formats/prompts.ts'
import { reControl } from './formats/re-control.ts'
import { shp } from './formats/shp.ts'
import { unpaired } from './formats/unpaired.ts'
import type { Row } from './row.ts'

export const formats: readonly Format[] = [preference, hhRlhf, reControl, shp, unpaired, implicitPreference, conversation, prompts]

export function formatNamed(name: DataFormat): Format {
  return formats.find((format) => format.name === name) ?? prompts
}

/** The format that most of the rows look like; null where none looks like any. */
export function recognise(rows: Row[]): Format | null {
  const votes = rows.flatMap((row) => formats.find((format) => format.recognises(row)) ?? [])
  const count = (format: Format): number => votes.filter((vote) => vote === format).length
  return formats.reduce<Format | null>((best, format) => (count(format) > (best === null ? 0 : count(best)) ? format : best), null)
}
