// SPDX-License-Identifier: MIT
import { addressOf } from '../binding.js'
import { PciemError } from '../errors.js'
import * as uapi from '../uapi.js'
import { type SlotFile, sized } from './slot-file.js'

/** One step; the fields are struct pciem_seq_step's, and `op` and `flags` the header's PCIEM_SEQ_* numbers. */
export interface SeqStep {
  op: number
  func: number
  bar: number
  /** bytes */
  width: number
  flags: number
  /** of an expected access: the cursor it belongs to, 0..1023 */
  lane: number
  /** position in the trace, strictly increasing */
  index: bigint
  /** of an action: index of the expected access that must have matched; of a ring's index: of the action that filled the ring so far; 0 none */
  cause: bigint
  addr: bigint
  value: bigint
  /** of an expected write: the bits to compare */
  mask: bigint
  data?: Uint8Array
  /** microseconds: of a read, since the lane's last fresh access, before which a repeated answer stands; of an action, after its cause */
  delayUs?: number
  /** of a DMA action: identifiers in the payload that the device only hands back; sorted, disjoint */
  fields?: readonly SeqField[]
  /** of a write with PCIEM_SEQ_COALESCE: the index before it, and how many entries the ring has */
  from?: number
  modulo?: number
}

/** An identifier of 1, 2, 4 or 8 bytes inside a payload; those of different spaces do not mix. */
export interface SeqField {
  offset: number
  width: number
  space: number
}

export type SeqState = 'idle' | 'running' | 'done' | 'diverged' | 'dry'
/** Where the sequence stands. Counts are since its start. */
export interface SeqStatus {
  state: SeqState
  /** expected accesses that came */
  matched: bigint
  /** device actions done */
  done: bigint
  /** required accesses and actions not done yet, of those pushed */
  pending: bigint
  /** repeated reads beyond the recorded ones */
  folded: bigint
  /** values equal only after renaming IOVAs or identifiers */
  renamed: bigint
  /** accesses in ignored ranges */
  ignored: bigint
  /** optional accesses that did not come */
  skipped: bigint
  /** actions that ran on their cause alone */
  early: bigint
  /** writes of a ring's index, more or fewer than recorded */
  coalesced: bigint
  /** dma-maps that no expected one fitted */
  unexpectedMaps: bigint
  /** the oldest required step still open; null: none */
  nextIndex: bigint | null
  /** steps that may be pushed now */
  room: number
  divergence?: SeqDivergence
}

export type SeqReason = 'value' | 'access' | 'payload' | 'dma' | 'past-end' | 'removed'

/** The first access or payload that was not the expected one. */
export interface SeqDivergence {
  reason: SeqReason
  /** of the step that was expected; null: none was */
  index: bigint | null
  /** what came: PCIEM_RECORD_* */
  kind: number
  func: number
  /** 0xff: none */
  bar: number
  width: number
  cpu: number
  pid: number
  context: number
  comm: string
  addr: bigint
  expected: bigint
  actual: bigint
  /** first differing byte of a payload; the bytes begin at the multiple of 16 before it */
  payloadOffset: bigint
  expectedBytes: Uint8Array
  actualBytes: Uint8Array
  /** the driver's program counter and its callers, a line each */
  stack: string
}

const step = uapi.STRUCT.pciem_seq_step
const field = uapi.STRUCT.pciem_seq_field
const states: readonly SeqState[] = ['idle', 'running', 'done', 'diverged', 'dry']
const reasons: Readonly<Record<number, SeqReason>> = {
  [uapi.PCIEM_DIVERGED_VALUE]: 'value',
  [uapi.PCIEM_DIVERGED_ACCESS]: 'access',
  [uapi.PCIEM_DIVERGED_PAYLOAD]: 'payload',
  [uapi.PCIEM_DIVERGED_DMA]: 'dma',
  [uapi.PCIEM_DIVERGED_PAST_END]: 'past-end',
  [uapi.PCIEM_DIVERGED_REMOVED]: 'removed',
}
const mends = {
  EINVAL: 'a step is malformed, or its index is not above the last one',
  EBUSY: 'the slot has no sequencer that takes steps; create it with the option `sequencer`',
}
const none = 0xffff_ffff_ffff_ffffn
const stackRoom = 8192

// One buffer for the steps and what they point to: a call that moves thousands costs one allocation.
function marshal(steps: readonly SeqStep[]): { bytes: Uint8Array; address: bigint } {
  const fieldsStart = steps.length * step.sizeof
  let dataAt = fieldsStart + steps.reduce((sum, { fields }) => sum + (fields?.length ?? 0) * field.sizeof, 0)
  const bytes = new Uint8Array(dataAt + steps.reduce((sum, { data }) => sum + (data?.length ?? 0), 0))
  const view = new DataView(bytes.buffer)
  const address = addressOf(bytes)
  let at = 0
  let fieldAt = fieldsStart
  for (const one of steps) {
    view.setUint8(at + step.op, one.op)
    view.setUint8(at + step.func, one.func)
    view.setUint8(at + step.bar, one.bar)
    view.setUint8(at + step.width, one.width)
    view.setUint32(at + step.flags, one.flags, true)
    view.setUint32(at + step.lane, one.lane, true)
    view.setBigUint64(at + step.index, one.index, true)
    view.setBigUint64(at + step.cause, one.cause, true)
    view.setBigUint64(at + step.addr, one.addr, true)
    view.setBigUint64(at + step.value, one.value, true)
    view.setBigUint64(at + step.mask, one.mask, true)
    if (one.modulo) {
      view.setUint32(at + step.from, one.from ?? 0, true)
      view.setUint32(at + step.modulo, one.modulo, true)
    }
    if (one.delayUs) view.setUint32(at + step.delay_us, one.delayUs, true)
    if (one.data && one.data.length > 0) {
      bytes.set(one.data, dataAt)
      view.setUint32(at + step.data_len, one.data.length, true)
      view.setBigUint64(at + step.data, address + BigInt(dataAt), true)
      dataAt += one.data.length
    }
    if (one.fields && one.fields.length > 0) {
      view.setUint32(at + step.nr_fields, one.fields.length, true)
      view.setBigUint64(at + step.fields, address + BigInt(fieldAt), true)
      for (const { offset, width, space } of one.fields) {
        view.setUint32(fieldAt + field.offset, offset, true)
        view.setUint16(fieldAt + field.width, width, true)
        view.setUint16(fieldAt + field.space, space, true)
        fieldAt += field.sizeof
      }
    }
    at += step.sizeof
  }
  return { bytes, address }
}

/** Appends steps; false if the window has no room for all of them, and then none was taken. */
export function pushSteps(file: SlotFile, steps: readonly SeqStep[], last: boolean): boolean {
  const layout = uapi.STRUCT.pciem_seq_push
  const { bytes, address } = marshal(steps)
  const view = sized(layout)
  view.setUint32(layout.flags, last ? uapi.PCIEM_SEQ_LAST : 0, true)
  view.setUint32(layout.count, steps.length, true)
  view.setUint32(layout.step_size, step.sizeof, true)
  view.setBigUint64(layout.steps, steps.length > 0 ? address : 0n, true)
  try {
    file.call(uapi.PCIEM_SEQ_PUSH, view, `${steps.length} steps`, mends, bytes)
    return true
  } catch (error) {
    if (error instanceof PciemError && error.code === 'ENOSPC') return false
    throw error
  }
}

/** Where the sequence stands, and the divergence if there was one. */
export function sequencerStatus(file: SlotFile): SeqStatus {
  const layout = uapi.STRUCT.pciem_seq_status
  const stack = new Uint8Array(stackRoom)
  const view = sized(layout)
  view.setUint32(layout.stack_len, stack.length, true)
  view.setBigUint64(layout.stack, addressOf(stack), true)
  file.call(uapi.PCIEM_SEQ_STATUS, view, 'the sequencer', undefined, stack)

  const u64 = (offset: number) => view.getBigUint64(offset, true)
  const state = states[view.getUint32(layout.state, true)] ?? 'idle'
  return {
    state,
    matched: u64(layout.matched),
    done: u64(layout.done),
    pending: u64(layout.pending),
    folded: u64(layout.folded),
    renamed: u64(layout.renamed),
    ignored: u64(layout.ignored),
    skipped: u64(layout.skipped),
    early: u64(layout.early),
    coalesced: u64(layout.coalesced),
    unexpectedMaps: u64(layout.unexpected_maps),
    nextIndex: orNull(u64(layout.next_index)),
    room: view.getUint32(layout.room, true),
    ...(state === 'diverged' ? { divergence: divergenceOf(view, stack) } : {}),
  }
}

const orNull = (index: bigint) => (index === none ? null : index)
const text = (raw: Uint8Array) => Buffer.from(raw).toString('utf8').replace(/\0.*$/s, '')

function divergenceOf(view: DataView, stack: Uint8Array): SeqDivergence {
  const layout = uapi.STRUCT.pciem_seq_status
  const u64 = (offset: number) => view.getBigUint64(offset, true)
  const u32 = (offset: number) => view.getUint32(offset, true)
  const bytes = new Uint8Array(view.buffer)
  const valid = Math.min(64, u32(layout.payload_bytes))
  return {
    reason: reasons[u32(layout.reason)] ?? 'access',
    index: orNull(u64(layout.index)),
    kind: view.getUint8(layout.kind),
    func: view.getUint8(layout.func),
    bar: view.getUint8(layout.bar),
    width: view.getUint8(layout.width),
    cpu: u32(layout.cpu),
    pid: u32(layout.pid),
    context: u32(layout.context),
    comm: text(bytes.subarray(layout.comm, layout.comm + 16)),
    addr: u64(layout.addr),
    expected: u64(layout.expected),
    actual: u64(layout.actual),
    payloadOffset: u64(layout.payload_offset),
    expectedBytes: bytes.slice(layout.expected_bytes, layout.expected_bytes + valid),
    actualBytes: bytes.slice(layout.actual_bytes, layout.actual_bytes + valid),
    stack: text(stack.subarray(0, Math.min(stack.length, u32(layout.stack_len)))),
  }
}
