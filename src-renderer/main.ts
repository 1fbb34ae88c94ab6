import { mount } from 'svelte'
import './ui/tokens.css'
import './ui/base.css'
import './ui/controls.css'
import App from './App.svelte'
import { listenForPort } from './state/connection.ts'
import { studio } from './state/studio.svelte.ts'

studio.start()
listenForPort()

const target = document.getElementById('app')
if (target !== null) mount(App, { target })
