declare module '*.css'

interface ImportMeta {
  /** Vite's: the modules of these files, imported here. */
  glob(pattern: string, options: { eager: true }): Record<string, unknown>
}
