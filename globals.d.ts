// SPDX-License-Identifier: MIT
// What a script of pciem> has in scope, for editors: a script begins with
//   /// <reference types="pciem/globals" />
// or, inside this project, with the path of this file, as examples/answers.ts does.
import type { Globals } from './dist/src/repl/globals.js'

declare global {
  const slot: Globals['slot']
  const fn: Globals['fn']
  const config: Globals['config']
  const dma: Globals['dma']
  const irq: Globals['irq']
  const line: Globals['line']
  const log: Globals['log']
  const session: Globals['session']
  const bar0: Globals['bar0']
  const bar1: Globals['bar1']
  const bar2: Globals['bar2']
  const bar3: Globals['bar3']
  const bar4: Globals['bar4']
  const bar5: Globals['bar5']
  const bar6: Globals['bar6']
  const hexdump: Globals['hexdump']
  const on: Globals['on']
  const command: Globals['command']
  const sleep: Globals['sleep']
  const expect: Globals['expect']
}
