/** Rewards that came with imported states: they stand for the responses that they came with and can score nothing else. */
import { z } from 'zod'
import { StudioError } from '../../contract/errors.ts'
import type { RewardSource } from './source.ts'

const settings = z.object({
  file: z.string(),
  /** the source that the file says they are by */
  from: z.string().nullable()
})

export const imported: RewardSource<typeof settings> = {
  name: 'imported',
  title: 'Imported',
  description: 'Rewards that came with imported states.',
  settings,
  collectedOnly: () => true,
  open: () => Promise.reject(new StudioError('bad-request', 'imported rewards come with their states; label these responses by another source'))
}
