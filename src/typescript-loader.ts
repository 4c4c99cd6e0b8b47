// SPDX-License-Identifier: MIT
// Node's loader of modules runs these in a thread of its own; see typescript.ts.
import { isTypeScript, pathOf, transpile } from './typescript.js'

interface Loaded {
  format: string
  source?: string
  shortCircuit?: boolean
}

/** A `.js` that is not there is the `.ts` beside it, as TypeScript's own imports are written. */
export async function resolve(specifier: string, context: { parentURL?: string }, next: (specifier: string, context: unknown) => Promise<{ url: string }>): Promise<{ url: string }> {
  try {
    return await next(specifier, context)
  } catch (error) {
    if (!context.parentURL || !isTypeScript(context.parentURL) || !/^\.{1,2}\/.*\.js$/.test(specifier)) throw error
    return await next(specifier.replace(/js$/, 'ts'), context)
  }
}

export async function load(url: string, context: unknown, next: (url: string, context: unknown) => Promise<Loaded>): Promise<Loaded> {
  if (!url.startsWith('file:') || !isTypeScript(new URL(url).pathname)) return await next(url, context)
  return { format: 'module', source: await transpile(pathOf(url)), shortCircuit: true }
}
