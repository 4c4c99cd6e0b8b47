// SPDX-License-Identifier: MIT
import type { SeqStatus, Slot } from '../index.js'
import { kindNames, noBar } from '../trace/event.js'
import type { Divergence } from './verdict.js'

/** What the kernel reports of a divergence, with the state of the machine around it; undefined if it reports none. */
export function divergenceOf(status: SeqStatus, slot: Slot, kernelLog: string[]): Divergence | undefined {
  if (!status.divergence) return undefined
  const { kind: number, bar, stack, index: expected, context: _, ...same } = status.divergence
  const index = expected ?? status.nextIndex
  const kind = kindNames[number]
  return {
    ...same,
    ...(index !== null && same.reason !== 'past-end' && { index }),
    ...(kind && { kind }),
    bar: bar === noBar ? null : bar,
    stack: stack.split('\n').filter((line) => line.trim() !== ''),
    mappings: mappingsOf(slot),
    kernelLog,
  }
}

/** The first recorded step that nobody is left to do. */
export function leftoverAt(status: SeqStatus, slot: Slot, kernelLog: string[]): Divergence {
  const index = status.divergence?.index ?? status.nextIndex
  return {
    reason: 'leftover',
    ...(index !== null && { index }),
    func: 0,
    bar: null,
    width: 0,
    addr: 0n,
    expected: 0n,
    actual: 0n,
    cpu: 0,
    pid: 0,
    comm: '',
    stack: [],
    payloadOffset: 0n,
    expectedBytes: new Uint8Array(),
    actualBytes: new Uint8Array(),
    mappings: mappingsOf(slot),
    kernelLog,
  }
}

/** The device may be gone already, and its mappings with it. */
function mappingsOf(slot: Slot): Divergence['mappings'] {
  try {
    return slot.functions.flatMap((fn) => fn.dma.maps())
  } catch {
    return []
  }
}
