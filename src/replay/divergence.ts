// SPDX-License-Identifier: MIT
import type { SeqStatus, Slot } from '../index.js'
import { kindNames, noBar } from '../trace/event.js'
import * as uapi from '../uapi.js'
import type { Divergence, DivergenceReason } from './verdict.js'

const NO_INDEX = 0xffff_ffff_ffff_ffffn

const reasons: Readonly<Record<number, DivergenceReason>> = {
  [uapi.PCIEM_DIVERGED_VALUE]: 'value',
  [uapi.PCIEM_DIVERGED_ACCESS]: 'access',
  [uapi.PCIEM_DIVERGED_PAYLOAD]: 'payload',
  [uapi.PCIEM_DIVERGED_DMA]: 'dma',
  [uapi.PCIEM_DIVERGED_PAST_END]: 'past-end',
  [uapi.PCIEM_DIVERGED_REMOVED]: 'removed',
}

/** What the kernel reports of a divergence, with the state of the machine around it. */
export function divergenceOf(status: SeqStatus, slot: Slot, kernelLog: string[]): Divergence {
  const reason = reasons[status.reason] ?? 'access'
  const index = status.index !== NO_INDEX ? status.index : status.nextIndex
  const kind = kindNames[status.kind]
  return {
    reason,
    ...(index !== NO_INDEX && reason !== 'past-end' && { index }),
    ...(kind && { kind }),
    func: status.func,
    bar: status.bar === noBar ? null : status.bar,
    width: status.width,
    addr: status.addr,
    expected: status.expected,
    actual: status.actual,
    payloadOffset: status.payloadOffset,
    expectedBytes: status.expectedBytes,
    actualBytes: status.actualBytes,
    cpu: status.cpu,
    pid: status.pid,
    comm: status.comm,
    stack: status.stack,
    mappings: mappingsOf(slot),
    kernelLog,
  }
}

/** The first recorded step that nobody is left to do. */
export function leftoverAt(status: SeqStatus, slot: Slot, kernelLog: string[]): Divergence {
  const index = status.state === 'diverged' ? status.index : status.nextIndex
  return {
    reason: 'leftover',
    ...(index !== NO_INDEX && { index }),
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
