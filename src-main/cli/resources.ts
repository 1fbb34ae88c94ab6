/** resources/ beside the built code: of the checkout, or of the package. */
import { join } from 'node:path'

export const resourcesDirectory = join(import.meta.dirname, '..', '..', 'resources')
