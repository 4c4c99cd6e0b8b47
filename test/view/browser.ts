// SPDX-License-Identifier: MIT
// Chromium without a window, spoken to through its debugging pipe: messages of JSON that end with a zero byte.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars']

interface Answer {
  id?: number
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

export class Browser {
  /** what the page has asked the network for, and what went wrong in it */
  readonly requests: string[] = []
  readonly errors: string[] = []
  readonly #process: ChildProcess
  readonly #profile: string
  readonly #waiting = new Map<number, { resolve: (result: Record<string, unknown>) => void; reject: (error: Error) => void }>()
  #session: string | undefined
  #count = 0
  #rest = ''

  private constructor(width: number, height: number) {
    this.#profile = mkdtempSync(join(tmpdir(), 'pciem-chromium-'))
    this.#process = spawn('chromium', ['--headless', ...quiet, `--window-size=${width},${height}`, `--user-data-dir=${this.#profile}`, '--remote-debugging-pipe', 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    this.#process.on('error', (error) => this.#fail(error))
    this.#process.on('exit', (code) => this.#fail(new Error(`chromium has ended (${code})`)))
    ;(this.#process.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => this.#take(text))
  }

  static async open(width = 1500, height = 1000): Promise<Browser> {
    const browser = new Browser(width, height)
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true })
    browser.#session = sessionId as string
    for (const domain of ['Page', 'Runtime', 'Network']) await browser.send(`${domain}.enable`)
    await browser.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
    return browser
  }

  /** Loads the page and waits until it says that it is ready. */
  async load(path: string, hash = ''): Promise<void> {
    // another hash alone would be the same page
    await this.send('Page.navigate', { url: 'about:blank' })
    await this.send('Page.navigate', { url: `file://${path}${hash && `#${hash}`}` })
    for (;;) {
      if (await this.evaluate('document.body?.dataset.ready !== undefined').catch(() => false)) return
      if (this.errors.length > 0) throw new Error(this.errors[0])
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })) as {
      result: { value: unknown }
      exceptionDetails?: { exception?: { description?: string } }
    }
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page has thrown')
    return result.value
  }

  async mouse(type: 'mouseMoved' | 'mousePressed' | 'mouseReleased' | 'mouseWheel', x: number, y: number, more: Record<string, unknown> = {}): Promise<void> {
    await this.send('Input.dispatchMouseEvent', { type, x, y, ...(type === 'mousePressed' || type === 'mouseReleased' ? { button: 'left', buttons: 1, clickCount: 1 } : {}), ...more })
  }

  async key(key: string): Promise<void> {
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...(key.length === 1 && { text: key }) })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key })
  }

  /** A PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(data as string, 'base64')
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill()
    await ended
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }

  send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#count
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      ;(this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...(this.#session && { sessionId: this.#session }) })}\0`)
    })
  }

  #take(text: string): void {
    const messages = (this.#rest + text).split('\0')
    this.#rest = messages.pop() ?? ''
    for (const message of messages) this.#answer(JSON.parse(message) as Answer)
  }

  #answer({ id, method, params, result, error }: Answer): void {
    if (method === 'Runtime.exceptionThrown') this.errors.push(JSON.stringify(params?.exceptionDetails))
    if (method === 'Network.requestWillBeSent') this.requests.push((params?.request as { url: string }).url)
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id!)
    if (error) waiting.reject(new Error(error.message))
    else waiting.resolve(result ?? {})
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
