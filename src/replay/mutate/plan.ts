// SPDX-License-Identifier: MIT
//
// How a device may misbehave in a recorded conversation: which mutations there are of a trace, in an order that a seed decides.
import { type TraceEvent, contextOf, flagOriginMask } from '../../trace/event.js'
import type { TraceHeader } from '../../trace/header.js'
import { onlyDevice } from '../device-trace.js'
import { covers, ignoreRanges } from '../config-rules.js'
import { Random } from './random.js'

/** What each does, in the words of reports. */
export const mutationKinds = {
  'all-ones': 'a read gives all-ones',
  'zero': 'a read gives zero',
  'flip': 'a bit of a read is flipped',
  'dma-ones': 'four bytes of a dma-write are all-ones',
  'dma-flip': 'a bit of a dma-write is flipped',
  'dma-drop': 'a dma-write does not come',
  'dma-short': 'a dma-write is cut short',
  'dma-long': 'a dma-write goes on behind its end',
  'irq-drop': 'an interrupt does not come',
  'irq-twice': 'an interrupt comes twice',
  'irq-early': 'an interrupt comes before what it announces',
  'irq-spurious': 'an interrupt comes for no reason',
  'remove': 'the device goes',
} as const

export type MutationKind = keyof typeof mutationKinds

export interface Mutation {
  kind: MutationKind
  /** of the event, from 0 */
  place: number
  /** bit, byte or length, as the kind needs it */
  at: number
}

const FLIPS = 2
/** A transfer's length and status stand in its first bytes, or it is data. */
const DMA_WORDS = 8

/** All mutations of a trace; kinds alternate, so that a run that is cut short has seen something of each. */
export function planOf(events: readonly TraceEvent[], header: TraceHeader, seed: number, kinds: readonly MutationKind[] = Object.keys(mutationKinds) as MutationKind[]): Mutation[] {
  const random = new Random(seed)
  const places = placesOf(events, header)
  const rows = kinds.map((kind) => random.shuffled(mutationsOf(kind, places, events, random)))
  const plan: Mutation[] = []
  for (let turn = 0; rows.some((row) => turn < row.length); turn++) for (const row of rows) if (row[turn]) plan.push(row[turn] as Mutation)
  return plan
}

interface Places {
  reads: number[]
  writes: number[]
  irqs: number[]
  /** accesses of the driver, behind which anything may happen */
  accesses: number[]
}

function placesOf(events: readonly TraceEvent[], header: TraceHeader): Places {
  const places: Places = { reads: [], writes: [], irqs: [], accesses: [] }
  const ignored = ignoreRanges(onlyDevice(header).functions)
  const last = new Map<number, string>()
  for (const [place, { kind, func, bar, addr, value, context, flags, width, data }] of events.entries()) {
    if (kind === 'remove') break
    const mmio = kind.startsWith('mmio')
    if (mmio && ignored.some((range) => covers(range, func, bar ?? 0, Number(addr)))) continue
    const access = `${kind} ${func} ${bar} ${addr} ${value} ${width}`
    // of equal reads in a row the first stands for all
    const again = kind === 'mmio-read' && last.get(context) === access
    if (mmio) last.set(context, access)
    if (again) continue
    if (kind === 'mmio-read' || kind === 'mmio-read-completion') places.reads.push(place)
    if (kind === 'dma-write' && data?.length) places.writes.push(place)
    if (kind === 'irq') places.irqs.push(place)
    const { class: who } = contextOf(context)
    const driver = mmio || kind.startsWith('dma-') || (kind === 'cfg-write' && (flags & flagOriginMask) === 0)
    if (driver && who !== 'device') places.accesses.push(place)
  }
  return places
}

function mutationsOf(kind: MutationKind, { reads, writes, irqs, accesses }: Places, events: readonly TraceEvent[], random: Random): Mutation[] {
  const bits = (place: number) => 8 * ((events[place]?.width || events[place]?.data?.length) ?? 1)
  const length = (place: number) => events[place]?.data?.length ?? 0
  const each = (places: readonly number[], at: (place: number) => number = () => 0): Mutation[] => places.map((place) => ({ kind, place, at: at(place) }))
  switch (kind) {
    case 'all-ones':
    case 'zero':
    case 'remove':
      return each(kind === 'remove' ? accesses : reads)
    case 'flip':
      return Array.from({ length: FLIPS }, () => each(reads, (place) => random.below(bits(place)))).flat()
    case 'dma-ones':
      return writes.flatMap((place) => Array.from({ length: Math.min(DMA_WORDS, length(place) >> 2) }, (_, word) => ({ kind, place, at: 4 * word })))
    case 'dma-flip':
      return Array.from({ length: FLIPS }, () => each(writes, (place) => random.below(bits(place)))).flat()
    case 'dma-drop':
      return each(writes)
    case 'dma-short':
      return each(writes.filter((place) => length(place) > 1), (place) => 1 + random.below(length(place) - 1))
    case 'dma-long':
      return each(writes, (place) => 1 + random.below(Math.max(64, length(place))))
    case 'irq-spurious':
      return irqs.length === 0 ? [] : each(accesses, () => random.pick(irqs))
    case 'irq-drop':
    case 'irq-twice':
    case 'irq-early':
      return each(irqs)
  }
}
