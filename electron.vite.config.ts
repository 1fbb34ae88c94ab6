import { svelte } from '@sveltejs/vite-plugin-svelte'
import { resolve } from 'node:path'
import { defineConfig } from 'electron-vite'

const source = (path: string): string => resolve(import.meta.dirname, 'src-main', path)

export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      minify: false,
      rollupOptions: {
        input: {
          app: source('app/main.ts'),
          engine: source('engine/main.ts'),
          'model-host': source('model-host/main.ts'),
          cli: source('cli/main.ts')
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' }
      }
    }
  },
  preload: {
    build: {
      outDir: 'out/preload',
      // a sandboxed preload must be CommonJS
      rollupOptions: { input: { preload: source('preload.ts') }, output: { format: 'cjs', entryFileNames: '[name].cjs' } }
    }
  },
  renderer: {
    root: 'src-renderer',
    plugins: [svelte()],
    build: { outDir: 'out/renderer', minify: true, rollupOptions: { input: resolve(import.meta.dirname, 'src-renderer/index.html') } }
  }
})
