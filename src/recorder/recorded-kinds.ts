// SPDX-License-Identifier: MIT
import { kindNumbers, type EventKind } from '../trace/event.js'
import { kindsOf } from '../trace/filter.js'

/** Without these a trace does not say which driver it was, nor where it ends. */
const alwaysRecorded: readonly EventKind[] = ['bind', 'unbind', 'remove', 'mark', 'lost']

/** What a filter of kinds and families of them leaves of all events. */
export function recordedKinds(filter: readonly string[]): EventKind[] {
  const wanted = new Set([...filter.flatMap((word) => kindsOf(word) ?? []), ...alwaysRecorded])
  return (Object.keys(kindNumbers) as EventKind[]).filter((kind) => wanted.has(kind))
}
