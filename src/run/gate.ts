// SPDX-License-Identifier: MIT
import type { DeviceEvent } from '../device/ring.js'

/**
 * A part of a BAR whose accesses the session takes before the model does. The model's thread keeps the ring;
 * it hands such accesses over, and gets back those that are the model's after all.
 */
export interface GateRange {
  func: number
  bar: number
  from: number
  to: number
  /** reads wait for the session; otherwise they are the model's */
  reads: boolean
  /** 'hold': the driver waits for the session in its writes, too; 'copy': the session is told of them */
  writes: 'hold' | 'copy' | 'none'
  /** whether the model was to be told of writes here */
  modelWrites: boolean
}

/** What the session asks of a model's thread: a gate, an access back to the model, bytes over the device's line. */
export type ModelRequest = { ranges: readonly GateRange[] } | { pass: DeviceEvent } | { input: Uint8Array; port: number }

/** What a model's thread tells the session: an access that the gate let out, bytes that the device has sent. */
export type ModelMessage = { event: DeviceEvent } | { output: Uint8Array; port: number }

/** What the gate does with an event: the session gets it, the model gets it. */
export function gateDecision(ranges: readonly GateRange[], event: DeviceEvent): { session: boolean; model: boolean } {
  if (event.type !== 'mmio-read-request' && event.type !== 'mmio-write') return { session: false, model: true }
  const touched = ranges.filter(({ func, bar, from, to }) => event.func === func && event.bar === bar && event.offset <= to && event.offset + event.width > from)
  if (touched.length === 0) return { session: false, model: true }
  if (event.type === 'mmio-read-request') {
    const session = touched.some(({ reads }) => reads)
    return { session, model: !session }
  }
  const held = touched.some(({ writes }) => writes === 'hold')
  return { session: held || touched.some(({ writes }) => writes === 'copy'), model: !held && touched.some(({ modelWrites }) => modelWrites) }
}
