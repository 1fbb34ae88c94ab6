/** The system's dialog that chooses a file, as the window gives it to whatever component has a field for one. */
import { createContext } from 'svelte'

/** @returns the path; null when the person cancels */
export type ChooseFile = (title: string, extensions: string[]) => Promise<string | null>

export const [fileDialog, setFileDialog] = createContext<ChooseFile>()
