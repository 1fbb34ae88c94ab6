/** What the formats are called; their order is that of a form. */
import type { DataFormat } from '../../../src-main/contract/data.ts'

export const formatTitles: Record<DataFormat, string> = {
  'hh-rlhf': 'HH-RLHF transcripts',
  preference: 'Prompt, chosen, rejected',
  'implicit-preference': 'Chosen, rejected with the prompt inside',
  shp: 'SHP comments',
  conversation: 'Conversations',
  unpaired: 'Prompt, completion, label',
  're-control': 'RE-Control responses',
  prompts: 'Prompts only'
}
