/** Every data format, in the order in which a file is tried on them; adding one is adding a file and a line here. */
import type { DataFormat } from '../../contract/entities.ts'
import type { Format } from './format.ts'
import { hhRlhf } from './formats/hh-rlhf.ts'
import { preference } from './formats/preference.ts'
import { prompts } from './formats/prompts.ts'
import { shp } from './formats/shp.ts'

export const formats: readonly Format[] = [preference, hhRlhf, shp, prompts]

export function formatNamed(name: DataFormat): Format {
  return formats.find((format) => format.name === name) ?? prompts
}
