// SPDX-License-Identifier: MIT

// import { TraceReader } from 'pciem/trace': no kernel module, no addon, any operating system
export { TraceFormatError } from './errors.js'
export { contextOf, type EventKind, kindNumbers, type TraceEvent } from './event.js'
export { formatEvent, TraceNames } from './format.js'
export type { TraceBar, TraceDevice, TraceFunction, TraceHeader, TraceRange } from './header.js'
export { eventToJson } from './json.js'
export { type EventRange, TraceReader } from './reader.js'
export { type Recovery, recoverTrace } from './recover.js'
export type { TraceTotals } from './totals.js'
export { isWhole, type Verdict, verifyFrames, verifyTrace } from './verify.js'
export { TraceWriter, type WriterOptions } from './writer.js'
