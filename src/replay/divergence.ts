// SPDX-License-Identifier: MIT
import type { SeqStatus } from '../index.js'
import { kindNames, noBar } from '../trace/event.js'
import type { LedgerEntry } from './unmapped.js'
import type { Divergence } from './verdict.js'

/** The state of the machine at a divergence. */
type Surroundings = Pick<Divergence, 'mappings' | 'kernelLog'>

const nothingCame = {
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
}

/** What the kernel reports of a divergence; undefined if it reports none. */
export function divergenceOf(status: SeqStatus, surroundings: Surroundings): Divergence | undefined {
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
    ...surroundings,
  }
}

/** A mapping that the driver left behind, and where its counterpart is in the recording: the seq that maps it, the place that unmaps it. */
export function leakOf(left: LedgerEntry, place: { mapped?: bigint; unmapped?: bigint }, surroundings: Surroundings): Divergence {
  const { iova, length, direction, coherent, func } = left
  return {
    ...nothingCame,
    reason: 'unmap',
    ...(place.unmapped !== undefined && { index: place.unmapped }),
    func,
    addr: iova,
    left: { iova, length, direction, coherent, ...(place.mapped !== undefined && { mappedAt: place.mapped }) },
    ...surroundings,
  }
}

/** The first recorded step that nobody is left to do. */
export function leftoverAt(status: SeqStatus, surroundings: Surroundings): Divergence {
  const index = status.divergence?.index ?? status.nextIndex
  return {
    ...nothingCame,
    reason: 'leftover',
    ...(index !== null && { index }),
    ...surroundings,
  }
}
