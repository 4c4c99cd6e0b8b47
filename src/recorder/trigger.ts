// SPDX-License-Identifier: MIT
// What ends a recording by itself.
import { UsageError } from '../errors.js'
import { noBar, kindNumbers, record } from '../trace/event.js'
import { kindsOf } from '../trace/filter.js'
import type { LogLine } from '../trace/notes.js'
import { troubleIn } from '../vm/kernel-log.js'

export interface Trigger {
  /** as it was written */
  text: string
  /** of a record: kinds, and perhaps BAR, address and value */
  record?: { kinds: ReadonlySet<number>; bar?: number; addr?: bigint; values?: readonly bigint[] }
  /** of the kernel's log */
  log?: (text: string) => boolean
}

// PCIEM_FAULT_IOMMU_*: unmapped, wrong direction, after unmap
const iommuFaults = [2n, 3n, 4n]
const pattern = /^([a-z0-9-]+)(?:@(?:bar([0-6])\+)?(0x[0-9a-f]+|\d+))?(?:=(0x[0-9a-f]+|\d+))?$/i

/** 'oops', 'iommu-fault', 'log:TEXT', or KIND[@[barN+]ADDRESS][=VALUE]. Throws UsageError. */
export function parseTrigger(text: string): Trigger {
  if (text === 'oops') return { text, log: (line) => troubleIn(line) !== undefined }
  if (text === 'iommu-fault') return { text, record: { kinds: new Set([kindNumbers.fault]), values: iommuFaults } }
  if (text.startsWith('log:') && text.length > 4) return { text, log: (line) => line.includes(text.slice(4)) }
  const match = pattern.exec(text)
  // The request of a read has no value yet: that comes with the completion.
  const kinds = match && kindsOf(match[1]!)?.filter((kind) => match[4] === undefined || kind !== 'mmio-read-request')
  if (!match || !kinds?.length) {
    throw new UsageError(`'${text}' triggers nothing; write oops, iommu-fault, log:TEXT, or an event as mmio-write@bar0+0x14=1, irq@3, reset`)
  }
  const [, , bar, addr, value] = match
  return {
    text,
    record: {
      kinds: new Set(kinds.map((kind) => kindNumbers[kind as keyof typeof kindNumbers])),
      ...(bar !== undefined && { bar: Number(bar) }),
      ...(addr !== undefined && { addr: BigInt(addr) }),
      ...(value !== undefined && { values: [BigInt(value)] }),
    },
  }
}

/** All triggers of a recording; remembers the first that was pulled. */
export class Triggers {
  pulled: string | undefined
  readonly #triggers: readonly Trigger[]
  readonly #kinds: ReadonlySet<number>

  constructor(texts: readonly string[]) {
    this.#triggers = texts.map(parseTrigger)
    this.#kinds = new Set(this.#triggers.flatMap(({ record: wanted }) => (wanted ? [...wanted.kinds] : [])))
  }

  record(view: DataView, start: number): void {
    const kind = view.getUint8(start + record.kind)
    if (this.pulled !== undefined || !this.#kinds.has(kind)) return
    const bar = view.getUint8(start + record.bar)
    this.pulled = this.#triggers.find(
      ({ record: wanted }) =>
        wanted?.kinds.has(kind) &&
        (wanted.bar === undefined || (bar !== noBar && wanted.bar === bar)) &&
        (wanted.addr === undefined || wanted.addr === view.getBigUint64(start + record.addr, true)) &&
        (wanted.values === undefined || wanted.values.includes(view.getBigUint64(start + record.value, true))),
    )?.text
  }

  log(lines: readonly LogLine[]): void {
    for (const { text } of lines) this.pulled ??= this.#triggers.find(({ log }) => log?.(text))?.text
  }
}
