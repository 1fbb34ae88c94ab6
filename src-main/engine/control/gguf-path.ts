/** The settings that name a GGUF file; absolute from then on, so that a run can go on from any folder. */
import { resolve } from 'node:path'
import { z } from 'zod'

const path = z.string().min(1).max(4096).regex(/^[^\0]*$/, 'a path holds no null characters')

/**
 * The settings of methods that are compared together have names of their own, as the terminal makes one flag of a name.
 * `format` tells the window's form that it is a file to be chosen.
 */
export const ggufPath = (title: string, description: string) => path.transform((file) => resolve(file)).meta({ title, description, format: 'gguf-file' })
