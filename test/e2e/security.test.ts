/** What a page, its data and a model's words cannot do. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { methods, type MethodName } from '../../src-main/contract/methods.ts'
import { ask, takePort } from './port.ts'
import { expect, test } from './studio.ts'

const hostile = '<img src=x onerror="window.__hit=1"><script>window.__hit=1</script><a href="https://example.com">link</a>'

test('the page has no node, no network, no windows and no way out', async ({ studio }) => {
  const { page, app } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  const reach = await page.evaluate(async () => ({
    node: [typeof globalThis.process, typeof (globalThis as { require?: unknown }).require],
    network: await fetch('https://example.com').then(() => 'reached', () => 'refused'),
    popup: window.open('https://example.com') === null,
    inlineScript: (() => {
      const script = document.createElement('script')
      script.textContent = 'window.__inline = true'
      document.body.append(script)
      return (window as { __inline?: boolean }).__inline === true ? 'ran' : 'refused'
    })(),
    camera: await navigator.mediaDevices?.getUserMedia({ video: true }).then(() => 'granted', () => 'refused')
  }))
  expect(reach.node).toEqual(['undefined', 'undefined'])
  expect(reach.network).toBe('refused')
  expect(reach.popup).toBe(true)
  expect(reach.inlineScript).toBe('refused')
  expect(reach.camera).not.toBe('granted')

  await page.evaluate(() => void (location.href = 'https://example.com'))
  await page.waitForTimeout(300)
  expect(page.url()).toBe('studio://app/index.html')
  const preferences = await app.evaluate(({ webContents }) => webContents.getAllWebContents().map((contents) => (contents as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences()))
  for (const preference of preferences) expect(preference).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false })
})

test('files beside the page cannot be asked for', async ({ studio }) => {
  const { page, app } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  const paths = ['../../package.json', '%2e%2e/%2e%2e/package.json', '..%2f..%2fpackage.json', '..%5c..%5cpackage.json', '%00', '%', '%ff', '//etc/passwd', 'file:///etc/passwd', '', 'assets', `${'a/'.repeat(2000)}x`]
  for (const path of paths) {
    const status = await app.evaluate(async ({ net }, address) => (await net.fetch(address)).status, `studio://app/${path}`)
    expect(status, path).toBe(404)
  }
  for (const [address, init] of [['studio://other/index.html', {}], ['studio://app/index.html', { method: 'POST', body: 'x' }]] as const) {
    expect(await app.evaluate(async ({ net }, [url, how]) => (await net.fetch(url, how)).status, [address, init] as const)).toBe(404)
  }
  const headers = await app.evaluate(async ({ net }) => Object.fromEntries((await net.fetch('studio://app/index.html')).headers))
  expect(headers).toMatchObject({ 'content-security-policy': expect.stringMatching(/default-src 'none'.*script-src 'self';.*connect-src 'none'.*base-uri 'none'.*form-action 'none'.*frame-ancestors 'none'/), 'x-content-type-options': 'nosniff' })
})

/** https://www.electronjs.org/docs/latest/tutorial/security, row by row where a row can be tested. */
test('Electron\'s checklist', async ({ studio }) => {
  const { page, app } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  const found = await app.evaluate(({ app: electron, BrowserWindow, ipcMain, session }) => {
    const [window] = BrowserWindow.getAllWindows()
    const contents = window!.webContents as unknown as { getLastWebPreferences(): Record<string, unknown> }
    return { preferences: contents.getLastWebPreferences(), channels: ipcMain.eventNames().filter((name) => name !== 'error'), permissions: session.defaultSession.isPersistent(), packaged: electron.isPackaged }
  })
  // 2-6, 8-10: no node, isolated, sandboxed, no weakened web security; 11: no webview
  expect(found.preferences).toMatchObject({ nodeIntegration: false, contextIsolation: true, sandbox: true, webviewTag: false, nodeIntegrationInSubFrames: false })
  expect(found.preferences['nodeIntegrationInWorker']).not.toBe(true)
  expect([found.preferences['webSecurity'], found.preferences['allowRunningInsecureContent'], found.preferences['experimentalFeatures'], Boolean(found.preferences['enableBlinkFeatures'])]).toEqual([true, false, false, false])
  // 17: the app listens to no channel that a page could send on; ports are given to the main frame alone
  expect(found.channels).toEqual([])
  // 4: permissions
  const states = await page.evaluate(() =>
    Promise.all(['geolocation', 'notifications', 'camera', 'microphone', 'clipboard-read', 'midi', 'persistent-storage'].map(async (name) => (await navigator.permissions.query({ name: name as PermissionName })).state))
  )
  expect(new Set(states)).toEqual(new Set(['denied']))
  expect(await page.evaluate(async () => [typeof (globalThis as { electron?: unknown }).electron, typeof (globalThis as { ipcRenderer?: unknown }).ipcRenderer, await navigator.mediaDevices?.getDisplayMedia?.().then(() => 'granted', () => 'refused')])).not.toContain('granted')
})

test('a page cannot be led away: links, forms, frames, dropped files and addresses, downloads', async ({ studio }) => {
  const { page, app } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  await app.evaluate(({ session }) => {
    const seen = ((globalThis as { downloads?: string[] }).downloads = [] as string[])
    session.defaultSession.on('will-download', (event, item) => void (event.defaultPrevented || seen.push(item.getURL())))
  })
  const tries: string[] = [
    "location.href = 'file:///etc/passwd'", "location.replace('data:text/html,<h1>x')", "location.href = 'studio://app/other.html'", "location.href = 'studio://other/index.html'",
    "location.href = 'studio://app/../../package.json'", "location.href = 'javascript:document.title=1'", "window.open('file:///etc/passwd')", "window.open('about:blank')", "window.open('studio://app/index.html')",
    "{ const a = document.createElement('a'); a.href = 'https://example.com'; a.target = '_blank'; document.body.append(a); a.click() }",
    "{ const a = document.createElement('a'); a.href = 'data:text/plain,x'; a.download = 'x.txt'; document.body.append(a); a.click() }",
    "{ const f = document.createElement('form'); f.action = 'https://example.com'; f.method = 'post'; document.body.append(f); f.submit() }",
    "{ const m = document.createElement('meta'); m.httpEquiv = 'refresh'; m.content = '0;url=https://example.com'; document.head.append(m) }",
    "{ const f = document.createElement('iframe'); f.src = 'https://example.com'; document.body.append(f) }",
    "{ const f = document.createElement('iframe'); f.src = 'studio://app/index.html'; document.body.append(f) }",
    "{ const f = document.createElement('iframe'); f.src = 'file:///etc/passwd'; document.body.append(f) }",
    "{ const w = document.createElement('webview'); w.setAttribute('src', 'https://example.com'); document.body.append(w) }",
    "new Image().src = 'https://example.com/x.png'", "navigator.sendBeacon?.('https://example.com', 'x')", "try { new WebSocket('wss://example.com') } catch {}", "try { new EventSource('https://example.com') } catch {}",
    "try { new Worker('data:text/javascript,1') } catch {}", "navigator.serviceWorker?.register('/x.js').catch(() => {})", "void import('https://example.com/x.js').catch(() => {})"
  ]
  await app.evaluate(({ session }) => {
    const left = ((globalThis as { left?: string[] }).left = [] as string[])
    session.defaultSession.webRequest.onCompleted(({ url }) => void (/^(studio:\/\/app\/|devtools:|data:|blob:)/.test(url) || left.push(url)))
  })
  for (const script of tries) await page.evaluate((text) => void (0, eval)(text), script).catch(() => page.evaluate(script))
  // asked of the app, as Playwright goes on waiting for navigations that were refused
  const shown = await app.evaluate(async ({ BrowserWindow }) => {
    const { webContents } = BrowserWindow.getAllWindows()[0]!
    return [webContents.getURL(), String(await webContents.executeJavaScript('document.body.innerText'))]
  })
  expect(shown).toEqual(['studio://app/index.html', expect.stringContaining('Open the sample project')])
  expect(await app.evaluate(({ BrowserWindow, webContents }) => [BrowserWindow.getAllWindows().length, webContents.getAllWebContents().length])).toEqual([1, 1])
  expect(await app.evaluate(() => [(globalThis as { left?: string[] }).left, (globalThis as { downloads?: string[] }).downloads])).toEqual([[], []])
  // frames are empty, or hold the error that stands where a page was refused, which nobody here can read
  const elements = await app.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]!.webContents.executeJavaScript("[...document.querySelectorAll('iframe')].map((frame) => frame.contentDocument?.body?.childElementCount ?? 0)")
  )
  expect(elements).toEqual([0, 0, 0])
})

/** Each row is tried in the page, and the policy itself says that it refused it: directive and address. */
const refusals: [what: string, script: string, refused: RegExp][] = [
  ['eval', "try { (0, eval)('window.__hit = 1') } catch {}", /^script-src eval$/],
  ['a function from text', "try { new Function('window.__hit = 1')() } catch {}", /^script-src eval$/],
  ['an inline script', "{ const s = document.createElement('script'); s.textContent = 'window.__hit = 1'; document.body.append(s) }", /^script-src-elem inline$/],
  ['an inline handler', "{ const b = document.createElement('b'); b.setAttribute('onclick', 'window.__hit = 1'); document.body.append(b); b.click() }", /^script-src-attr inline$/],
  ['a script from elsewhere', "{ const s = document.createElement('script'); s.src = 'https://example.com/x.js'; document.body.append(s) }", /^script-src-elem https:\/\/example\.com/],
  ['a script of data', "{ const s = document.createElement('script'); s.src = 'data:text/javascript,window.__hit=1'; document.body.append(s) }", /^script-src-elem data/],
  ['a worker of a blob', "try { new Worker(URL.createObjectURL(new Blob(['1']))) } catch {}", /^worker-src blob/],
  ['a picture', "new Image().src = 'https://example.com/x.png'", /^img-src https:\/\/example\.com/],
  ['a font', "void new FontFace('x', 'url(https://example.com/x.woff2)').load().catch(() => {})", /^font-src https:\/\/example\.com/],
  ['a style sheet', "{ const l = document.createElement('link'); l.rel = 'stylesheet'; l.href = 'https://example.com/x.css'; document.head.append(l) }", /^style-src-elem https:\/\/example\.com/],
  ['a film', "{ const v = document.createElement('video'); v.src = 'https://example.com/x.mp4'; document.body.append(v) }", /^media-src https:\/\/example\.com/],
  ['an object', "{ const o = document.createElement('object'); o.data = 'https://example.com/x'; document.body.append(o) }", /^(object|frame)-src https:\/\/example\.com/],
  ['a frame', "{ const f = document.createElement('iframe'); f.src = 'https://example.com/'; document.body.append(f) }", /^frame-src https:\/\/example\.com/],
  ['a request', "void fetch('https://example.com/x').catch(() => {})", /^connect-src https:\/\/example\.com/],
  ['a request beside the page', "void fetch('studio://app/../../package.json').catch(() => {})", /^connect-src studio$/],
  ['a socket', "try { new WebSocket('wss://example.com/') } catch {}", /^connect-src wss:\/\/example\.com/],
  ['a beacon', "navigator.sendBeacon('https://example.com/x', 'x')", /^connect-src https:\/\/example\.com/],
  ['a form', "{ const f = document.createElement('form'); f.action = 'https://example.com/'; f.method = 'post'; document.body.append(f); f.submit() }", /^form-action https:\/\/example\.com/],
  ['another base', "{ const b = document.createElement('base'); b.href = 'https://example.com/'; document.head.append(b) }", /^base-uri https:\/\/example\.com/]
]

test('the policy refuses each kind of content by itself', async ({ studio }) => {
  const { page } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  for (const [what, script, refused] of refusals) {
    const said = await page.evaluate(
      (text) =>
        new Promise<string>((resolve) => {
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => resolve(`${effectiveDirective} ${blockedURI}`), { once: true })
          setTimeout(() => resolve('nothing was refused'), 5000)
          setTimeout(text as () => void) // what the driver calls itself may eval; what the page's own timer calls may not
        }),
      await page.evaluateHandle(`() => { ${script} }`)
    )
    expect(said, what).toMatch(refused)
  }
  expect(await page.evaluate(() => (window as { __hit?: number }).__hit)).toBeUndefined()
})

test('junk over the real port: a typed error for each, and the engine goes on', async ({ studio }) => {
  const { page, app } = studio
  await page.getByRole('button', { name: 'Open the sample project' }).waitFor()
  await takePort(page)
  const engine = (): Promise<number | undefined> => app.evaluate(({ app: electron }) => electron.getAppMetrics().find(({ name }) => name === 'RE-Control engine')?.pid)
  const before = await engine()
  const names = (Object.keys(methods) as MethodName[]).filter((name) => !/^(dialog|project\.openSample|studio\.showLog|data\.hub)/.test(name))
  for (const [i, input] of fc.sample(fc.jsonValue({ maxDepth: 4 }), { seed: 5, numRuns: names.length * 2 }).entries()) {
    const method = names[i % names.length] as MethodName
    const { failure } = await ask(page, method, input as object)
    if (failure !== undefined) expect(failure.code, `${method}: ${failure.message}`).not.toBe('internal')
  }
  // what the page's own code would never send, made where it is sent
  await page.evaluate(() => {
    const port = (window as unknown as { __port: MessagePort }).__port
    const deep: unknown[] = []
    for (let i = 0, at = deep; i < 500; i++) at.push((at = []))
    const strange: unknown[] = [null, 7, NaN, 'x'.repeat(5_000_000), deep, new Map([[{}, new Set([1])]]), new Date(NaN), new ArrayBuffer(1 << 20), /x/, new Error('x'), 10n, Array.from({ length: 500_000 }, () => 0),
      JSON.parse('{"id": 1, "method": "__proto__", "input": {"__proto__": {"polluted": 1}}}'), { id: 2, method: 'constructor', input: {} }, { id: {}, method: [], input: NaN }]
    for (const message of strange) {
      port.postMessage(message)
      port.postMessage({ id: 5, method: 'value.path', input: message })
    }
  })
  expect(await ask(page, 'studio.state', {})).toMatchObject({ output: { project: null } })
  expect(await engine()).toBe(before)
})

test('hostile text is shown as text', async ({ studio }) => {
  const { page, go, folder } = studio
  await studio.openSample()
  const file = join(folder, 'hostile.jsonl')
  writeFileSync(file, JSON.stringify({ prompt: hostile, chosen: hostile, rejected: `${hostile} \u202e reversed` }) + '\n')
  await go('Data')
  await studio.answerDialog(file)
  await page.getByRole('button', { name: 'Import a data set' }).click()
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByText(hostile).first()).toBeVisible()
  await studio.picture('30-hostile-text')
  expect(await page.evaluate(() => (window as { __hit?: number }).__hit)).toBeUndefined()
  expect(await page.locator('img, script[src=x]').count()).toBe(0)
})
