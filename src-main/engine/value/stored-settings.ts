/** Settings of a training as they lie in the project, which may be those of an older version. */
import { trainSettings, type TrainSettings } from '../../contract/value.ts'

/** With the usual values of what that version did not know, in the schema's order. */
export function completeSettings(stored: TrainSettings): TrainSettings {
  return { ...trainSettings.parse({ collection: stored.collection }), ...stored }
}
