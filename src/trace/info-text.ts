// SPDX-License-Identifier: MIT
import { formatDuration } from './format.js'
import type { TraceDevice, TraceHeader } from './header.js'
import type { TraceSummary } from './info.js'

/** Registers that the text shows; --json has all. */
const shownRegisters = 20

/** `trace info` for people. */
export function infoText(header: TraceHeader, summary: TraceSummary): string {
  const rows: [string, string][] = [
    ['trace', `${header.uuid}, format version ${header.version}${header.recovered ? ', recovered from a damaged file' : ''}`],
    ['recorded', `${header.created || 'unknown'} by ${header.tool}`],
    ['kernel', `${header.kernel.release || 'unknown'}, ${header.kernel.cpus} CPU${header.kernel.cpus === 1 ? '' : 's'}`],
    ...(header.command ? [['command', header.command.join(' ')] as [string, string]] : []),
    ...header.devices.flatMap(deviceRows),
    ['events', `${summary.events} in ${formatDuration(summary.duration)}`],
    ['lost', summary.lost === 0n ? '0' : `${summary.lost}: what follows a loss cannot be replayed`],
    ['complete', summary.complete ? `yes (${summary.reason})` : 'no: the recorder was killed, or still runs'],
    ['size', `${summary.bytes} bytes; ${summary.dataBytes} bytes of data moved; ${summary.bytesPerEvent.toFixed(1)} bytes an event without data`],
  ]
  const kinds = Object.entries(summary.kinds).sort(([, a], [, b]) => b - a)
  const lines = rows.map(([name, text]) => `${name.padEnd(9)} ${text}`)
  lines.push('', ...kinds.map(([kind, count]) => `${String(count).padStart(9)}  ${kind}`))
  if (summary.registers.length > 0) {
    lines.push('', '    reads    writes  register')
    for (const { place, reads, writes } of summary.registers.slice(0, shownRegisters)) {
      lines.push(`${String(reads).padStart(9)} ${String(writes).padStart(9)}  ${place}`)
    }
    const more = summary.registers.length - shownRegisters
    if (more > 0) lines.push(`          and ${more} registers more (--json has all)`)
  }
  return lines.join('\n')
}

function deviceRows(device: TraceDevice): [string, string][] {
  return device.functions.map((fn) => {
    const config = new DataView(fn.config.value.buffer, fn.config.value.byteOffset)
    const id = `${config.getUint16(0, true).toString(16).padStart(4, '0')}:${config.getUint16(2, true).toString(16).padStart(4, '0')}`
    const bars = fn.bars.map(({ index, size }) => `BAR${index} ${formatSize(size)}`).join(', ')
    const driver = fn.driver ? `, driver ${fn.driver.name}${fn.driver.srcversion ? ` (srcversion ${fn.driver.srcversion})` : ''}` : ''
    return ['device', `${fn.bdf} [${id}]${bars && `, ${bars}`}${driver}, DMA ${device.dmaMode}`]
  })
}

function formatSize(bytes: number): string {
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]] as const) if (bytes >= size) return `${bytes / size} ${unit}`
  return `${bytes} bytes`
}
