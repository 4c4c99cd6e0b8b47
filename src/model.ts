// SPDX-License-Identifier: MIT
import { existsSync, readdirSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { SlotOptions } from './device/options.js'
import type { Slot } from './device/slot.js'
import { PciemError, UsageError } from './errors.js'
import { projectRoot } from './paths.js'
import { allowTypeScript, isTypeScript } from './typescript.js'

/** A device in TypeScript: what models/NAME.ts exports by default. */
export interface Model {
  readonly name: string
  /** the in-tree driver that is expected to bind */
  readonly driver: string
  /** what each option means, by its key, for help and completion; none when left out */
  readonly options?: Readonly<Record<string, string>>
  /** What to create; options are KEY=VALUE texts that the model itself understands. */
  describe(options: Record<string, string>): SlotOptions
  /** Plays the slot from now on: fills its BARs, answers its events. The caller starts the slot. */
  attach(slot: Slot, options?: Record<string, string>, line?: ModelLine): ModelInstance
}

/** Where a device that has a terminal (a serial port, say) says what it says: to whoever started the model. */
export interface ModelLine {
  output(bytes: Uint8Array, port: number): void
}

export interface ModelInstance {
  close(): void
  /** bytes that come over the line of a device that has one */
  input?(bytes: Uint8Array, port: number): void
  /** counters for people */
  stats?(): Record<string, number | bigint>
}

// In the language that this file itself is in.
const extension = extname(fileURLToPath(import.meta.url))
const folder = join(projectRoot, extension === '.ts' ? '.' : 'dist', 'models')

/** The models that come with pciem. */
export function modelNames(): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith(extension) && !file.endsWith(`.d${extension}`))
    .map((file) => file.slice(0, -extension.length))
    .sort()
}

/** Loads a model by the name of one that comes with pciem, or from a JavaScript or TypeScript file. */
export async function loadModel(nameOrPath: string): Promise<Model> {
  const isPath = nameOrPath.includes('/') || /\.[cm]?[jt]s$/.test(nameOrPath)
  if (!isPath && !modelNames().includes(nameOrPath)) {
    throw new UsageError(`no model '${nameOrPath}'; there are ${modelNames().join(', ') || 'none (run `make build`)'}, or give a file`)
  }
  const path = isPath ? resolve(nameOrPath) : join(folder, `${nameOrPath}${extension}`)
  if (!existsSync(path)) throw new UsageError(`no model file '${nameOrPath}'`)
  const { default: model } = (await importFile(path)) as { default?: unknown }
  if (!isModel(model)) throw new UsageError(`${nameOrPath} is not a model: its default export needs name, driver, describe() and attach()`)
  return model
}

/** Options as a command line has them. */
export const modelWords = (options: Readonly<Record<string, string>>): string[] => Object.entries(options).map(([key, value]) => `${key}=${value}`)

/** What each option of a model means, by its key; `dma` is every model's. */
export function modelOptions(model: Model): Record<string, string> {
  return { ...model.options, dma: 'soft (IOVAs that repeat, every access checked) or direct (physical addresses); soft' }
}

/** Loads a module; TypeScript, too. */
export async function importFile(path: string): Promise<unknown> {
  try {
    if (isTypeScript(path)) allowTypeScript()
    return await import(pathToFileURL(path).href)
  } catch (cause) {
    throw new PciemError(`${path} does not load: ${cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)}`, { cause })
  }
}

function isModel(value: unknown): value is Model {
  const model = value as Partial<Model> | undefined
  return typeof model?.name === 'string' && typeof model.driver === 'string' && typeof model.describe === 'function' && typeof model.attach === 'function'
}

/** ['size=64M', 'queues=2'] as the options of a model; a word without '=' is switched on: 'yes'. */
export function parseModelOptions(words: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {}
  for (const word of words) {
    const [, key, value = 'yes'] = /^([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? []
    if (key === undefined) throw new UsageError(`'${word}' is not an option; options are KEY=VALUE, e.g. size=64M`)
    if (Object.hasOwn(options, key)) throw new UsageError(`option '${key}' is given twice`)
    options[key] = value
  }
  return options
}
