// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { builtModule } from './paths.js'

let registered = false

/** From now on this thread can import TypeScript: the types are taken off, nothing is checked. */
export function allowTypeScript(): void {
  if (registered) return
  registered = true
  // Run from its own sources, whoever runs them knows TypeScript already.
  if (isTypeScript(import.meta.url)) return
  register(builtModule('typescript-loader'))
}

export const isTypeScript = (path: string): boolean => /\.[cm]?ts$/.test(path)

/** The JavaScript of a TypeScript module. Each line stays where it is, so errors name the right one. */
export async function transpile(path: string): Promise<string> {
  const { transform } = await import('sucrase')
  return transform(readFileSync(path, 'utf8'), { transforms: ['typescript'], disableESTransforms: true, filePath: path }).code
}

export const pathOf = (url: string): string => fileURLToPath(url)
