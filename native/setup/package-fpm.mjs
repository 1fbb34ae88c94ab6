#!/usr/bin/env node
// Stands in for fpm where that cannot be fetched: builds a deb with dpkg-deb from the arguments that electron-builder
// gives to fpm. Files belong to root, and times are those of SOURCE_DATE_EPOCH.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const { options, files } = readArguments(process.argv.slice(2))
if (options.get('-t')?.[0] !== 'deb') fail(`only deb packages can be made here, not ${options.get('-t')}: fpm itself makes the others`)
const root = mkdtempSync(path.join(tmpdir(), 'deb-'))
try {
  for (const file of files) {
    const at = file.lastIndexOf('=')
    put(file.slice(0, at), file.slice(at + 1))
  }
  setModes(root)
  mkdirSync(path.join(root, 'DEBIAN'))
  writeFileSync(path.join(root, 'DEBIAN', 'control'), control())
  writeFileSync(path.join(root, 'DEBIAN', 'md5sums'), checksums().join(''))
  script('--after-install', 'postinst')
  script('--after-remove', 'postrm')
  const compression = one('--deb-compression').replace(/^gz$/, 'gzip') // fpm's own word for it
  const to = one('--package')
  execFileSync('dpkg-deb', ['--root-owner-group', `-Z${compression}`, '--build', root, to], { stdio: ['ignore', 'ignore', 'inherit'] })
} finally {
  rmSync(root, { recursive: true, force: true })
}

/** A switch without a value is `--force`; everything else that begins with a dash has one; the rest are source=target. */
function readArguments(words) {
  const found = { options: new Map(), files: [] }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    if (word === '--force' || word === '--debug') continue
    if (!word.startsWith('-')) found.files.push(word)
    else found.options.set(word, [...(found.options.get(word) ?? []), words[++i]])
  }
  return found
}

function one(name) {
  return options.get(name)?.[0] ?? fail(`fpm's ${name} is missing`)
}

/** As fpm: a source that ends in / is a folder's contents. */
function put(source, target) {
  const to = path.join(root, target)
  if (!existsSync(source)) fail(`${source} does not exist`)
  mkdirSync(path.dirname(to), { recursive: true })
  cpSync(source, to, { recursive: true, verbatimSymlinks: true, mode: 0 })
}

/** Whatever the umask of who builds: readable by all, writable by root. */
function setModes(folder) {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) setModes(file)
    else if (entry.isFile()) chmodSync(file, lstatSync(file).mode & 0o100 ? 0o755 : 0o644)
  }
}

function control() {
  // the first line of fpm's description is the synopsis
  const [synopsis = '', ...lines] = one('--description').split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const fields = {
    Package: one('--name'),
    Version: one('--version'),
    License: options.get('--license')?.[0],
    Vendor: options.get('--vendor')?.[0],
    Architecture: one('--architecture') === 'x64' ? 'amd64' : one('--architecture'),
    Maintainer: one('--maintainer'),
    'Installed-Size': Math.ceil(filesIn(root).reduce((sum, file) => sum + lstatSync(path.join(root, file)).size, 0) / 1024),
    Depends: options.get('-d')?.join(', '),
    Recommends: options.get('--deb-recommends')?.join(', '),
    Section: options.get('--category')?.[0],
    Priority: options.get('--deb-priority')?.[0],
    Homepage: options.get('--url')?.[0],
    Description: [synopsis, ...lines].join('\n ')
  }
  return Object.entries(fields).map(([name, value]) => (value === undefined ? '' : `${name}: ${value}\n`)).join('')
}

function checksums() {
  return filesIn(root)
    .filter((file) => !file.startsWith('DEBIAN/') && lstatSync(path.join(root, file)).isFile())
    .map((file) => `${createHash('md5').update(readFileSync(path.join(root, file))).digest('hex')}  ${file}\n`)
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true }).filter((file) => !lstatSync(path.join(folder, file)).isDirectory()).sort()
}

function script(option, name) {
  const [file] = options.get(option) ?? []
  if (file === undefined) return
  writeFileSync(path.join(root, 'DEBIAN', name), readFileSync(file))
  chmodSync(path.join(root, 'DEBIAN', name), 0o755)
}

function fail(reason) {
  console.error(`package-fpm: ${reason}`)
  process.exit(1)
}
