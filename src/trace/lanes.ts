// SPDX-License-Identifier: MIT
// Where an event stands when a device's events are laid out side by side.
import type { TraceEvent } from './event.js'
import type { TraceHeader } from './header.js'

export interface Lane {
  slot: number
  func: number
  /** 'config', 'BAR0', 'DMA', 'IRQ', 'mappings', 'device' */
  name: string
}

export const laneOrder = ['device', 'config', 'BAR0', 'BAR1', 'BAR2', 'BAR3', 'BAR4', 'BAR5', 'ROM', 'DMA', 'IRQ', 'mappings'] as const
export type LaneName = (typeof laneOrder)[number]

/** The lane of an event: one for config space, one for each BAR, and so on. */
export function laneOf(event: Pick<TraceEvent, 'kind' | 'bar'>): LaneName {
  switch (event.kind) {
    case 'cfg-read':
    case 'cfg-write':
      return 'config'
    case 'dma-read':
    case 'dma-write':
    case 'dma-atomic':
    case 'p2p-read':
    case 'p2p-write':
      return 'DMA'
    case 'irq':
      return 'IRQ'
    case 'dma-map':
    case 'dma-unmap':
    case 'dma-sync':
      return 'mappings'
    default:
      if (event.bar === null) return 'device'
      return event.bar === 6 ? 'ROM' : (`BAR${event.bar}` as LaneName)
  }
}

/** 'f000:01:00.0 nvme', or what there is to tell a function by. */
export function functionTitle(header: TraceHeader, slot: number, func: number): string {
  const fn = header.devices.find((device) => device.slot === slot)?.functions.find((candidate) => candidate.func === func)
  if (!fn) return `slot ${slot} function ${func}`
  return fn.driver ? `${fn.bdf} ${fn.driver.name}` : fn.bdf
}
