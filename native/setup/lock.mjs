// Two set-ups at once in one checkout would delete each other's files: the second waits for the first.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inRoot } from './paths.mjs'

const file = inRoot('out', 'setup.lock')

/** Resolves when this process alone may change the checkout, until it calls the returned function or ends. */
export async function lockSetup(onWait) {
  mkdirSync(path.dirname(file), { recursive: true })
  let told = false
  while (!take()) {
    if (!told) onWait(`waiting for another set-up in this checkout (process ${holder()})`)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  const release = () => rmSync(file, { force: true })
  process.once('exit', release)
  return () => {
    process.removeListener('exit', release)
    release()
  }
}

function take() {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  // Left behind by a killed process: the next round takes it.
  if (!isRunning(holder())) rmSync(file, { force: true })
  return false
}

function holder() {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}

function isRunning(pid) {
  if (!pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
