import { mount } from 'svelte'
import './ui/tokens.css'
import './ui/base.css'
import './ui/controls.css'
import App from './App.svelte'
import { listenForPort } from './state/connection.ts'
import { engineProcess } from './state/engine-process.svelte.ts'
import { notices } from './state/notices.svelte.ts'
import { studio } from './state/studio.svelte.ts'

// A stage's screen may be loaded later, its state not: it hears of a project when that is opened.
import.meta.glob('./state/*.svelte.ts', { eager: true })

// What was not foreseen is still told; a ResizeObserver's harmless complaint has no error.
window.addEventListener('error', (event) => event.error && notices.report(event.error))
window.addEventListener('unhandledrejection', (event) => notices.report(event.reason))

studio.start()
engineProcess.listen()
listenForPort()

const target = document.getElementById('app')
if (target !== null) mount(App, { target })
