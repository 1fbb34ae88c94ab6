import { svelte } from '@sveltejs/vite-plugin-svelte'
import { resolve } from 'node:path'
import { defineConfig } from 'electron-vite'
import manifest from './package.json' with { type: 'json' }

const source = (path: string): string => resolve(import.meta.dirname, 'src-main', path)

/** Dependencies of the processes that are JavaScript and nothing else; those with binaries, and the updater, stay as they are. */
const bundled = Object.keys(manifest.dependencies).filter((name) => !['better-sqlite3', 'electron-updater', 'node-llama-cpp'].includes(name))

export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      minify: false,
      // one file instead of hundreds: half of the time in which a process starts
      externalizeDeps: { exclude: bundled },
      rollupOptions: {
        input: {
          app: source('app/main.ts'),
          engine: source('engine/main.ts'),
          'model-host': source('model-host/main.ts'),
          cli: source('cli/main.ts')
        },
        // tables of every task of the hub, and a WebAssembly module that is made as soon as it is imported: neither is used
        treeshake: { moduleSideEffects: [{ test: /@huggingface\/tasks|hyparquet-compressors/, sideEffects: false }] },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js', comments: { jsdoc: false } }
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
    build: {
      outDir: 'out/renderer',
      minify: true,
      cssCodeSplit: false, // nothing is drawn before its style is there
      rollupOptions: {
        input: resolve(import.meta.dirname, 'src-renderer/index.html'),
        // what the start needs is one script; the rest is split by what is loaded later
        output: { codeSplitting: { groups: [{ name: 'start', tags: ['$initial'] }] } }
      }
    }
  }
})
