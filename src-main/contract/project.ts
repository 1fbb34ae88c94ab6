/** A project and its stages. */
import { z } from 'zod'

export const stageName = z.enum(['model', 'data', 'collect', 'reward', 'train', 'chat', 'evaluate'])
export type StageName = z.infer<typeof stageName>

export const project = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string(),
  modelFile: z.string().nullable(),
  /** whether that file is there: the sample's is fetched first */
  modelPresent: z.boolean(),
  created: z.string(),
  /** How much there is, for the rail's states. */
  counts: z.object({
    datasets: z.int(),
    examples: z.int(),
    collections: z.int(),
    responses: z.int(),
    rewards: z.int(),
    valueFunctions: z.int(),
    evaluations: z.int()
  })
})
export type Project = z.infer<typeof project>

/** Why a copy of project.db was made: before its schema changed, as the day's first, or because somebody asked. */
/** Of a damaged database: `rows` could be read; at most `lost` could not, or belonged to such, null where nobody knows. */
export const salvagedTable = z.object({ name: z.string(), rows: z.int(), lost: z.int().nullable() })
export type SalvagedTable = z.infer<typeof salvagedTable>

export const backupReason = z.enum(['migration', 'daily', 'request'])
export type BackupReason = z.infer<typeof backupReason>

export const backup = z.object({
  /** its file in the project's backups/ */
  name: z.string(),
  created: z.string(),
  bytes: z.int(),
  /** the schema version that it has; a restored older one is migrated when it is opened */
  schema: z.int(),
  reason: backupReason
})
export type Backup = z.infer<typeof backup>
