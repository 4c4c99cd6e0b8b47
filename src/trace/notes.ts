// SPDX-License-Identifier: MIT
// What a recorder learns beside the events: the kernel's log, and names of processes.
import { type Fields, listField, packable, textField, u64Field, uintField } from './fields.js'

export interface LogLine {
  /** ns since the machine's start, as events' times */
  time: bigint
  /** 0 (emergency) .. 7 (debug) */
  level: number
  text: string
}

export interface TraceNotes {
  log: LogLine[]
  /** names of the processes and threads that events carry */
  comms: { pid: number; comm: string }[]
}

/** Names by pid: the last one of each. */
export function commsOf({ comms }: TraceNotes): Map<number, string> {
  return new Map(comms.map(({ pid, comm }) => [pid, comm]))
}

/** Of one frame. */
const mostRows = 65536
/** … as we write it. */
const frameRows = 4096

/** In pieces of a frame each. */
export function* notesByFrame({ log, comms }: TraceNotes): Generator<TraceNotes> {
  for (let at = 0; at < Math.max(log.length, comms.length); at += frameRows) {
    yield { log: log.slice(at, at + frameRows), comms: comms.slice(at, at + frameRows) }
  }
}

export function packNotes({ log, comms }: TraceNotes): object {
  return {
    ...(log.length > 0 && { log: log.map(({ time, level, text }) => [packable(time), level, text]) }),
    ...(comms.length > 0 && { comms: comms.map(({ pid, comm }) => [pid, comm]) }),
  }
}

/** Throws BadPayload. */
export function unpackNotes(map: Fields): TraceNotes {
  return {
    log: listField(map.log ?? [], 'log', mostRows).map((row) => {
      const [time, level, text] = listField(row, 'log', 3)
      return { time: u64Field(time, 'log.time'), level: uintField(level, 'log.level', 255), text: textField(text, 'log.text') }
    }),
    comms: listField(map.comms ?? [], 'comms', mostRows).map((row) => {
      const [pid, comm] = listField(row, 'comms', 2)
      return { pid: uintField(pid, 'comms.pid', 0xffffffff), comm: textField(comm, 'comms.comm') }
    }),
  }
}
