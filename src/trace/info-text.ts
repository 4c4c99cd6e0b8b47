// SPDX-License-Identifier: MIT
import { formatDuration } from './format.js'
import type { TraceDevice, TraceHeader } from './header.js'
import type { TraceSummary } from './info.js'
import type { ModuleFacts } from './module-facts.js'
import { functionTitle } from './lanes.js'

/** Registers that the text shows; --json has all. */
const shownRegisters = 20

/** `trace info` for people. */
export function infoText(header: TraceHeader, summary: TraceSummary): string {
  const rows: [string, string][] = [
    ['trace', `${header.uuid}, format version ${header.version}${header.recovered ? ', recovered from a damaged file' : ''}`],
    ['recorded', `${header.created || 'unknown'} by ${header.tool}`],
    ['kernel', `${header.kernel.release || 'unknown'}, ${header.kernel.cpus} CPU${header.kernel.cpus === 1 ? '' : 's'}`],
    ...(header.command ? [['command', header.command.join(' ')] as [string, string]] : []),
    ...(header.owner ? [['owner', header.owner.join(' ')] as [string, string]] : []),
    ...(header.model ? [['model', header.model.join(' ')] as [string, string]] : []),
    ...header.devices.flatMap(deviceRows),
    ...(header.part === undefined ? [] : [['part', `${header.part} of a recording in several files`] as [string, string]]),
    ...(header.ring ? [['ring', `${formatSize(header.ring.size)}: ${header.ring.dropped} earlier events were not kept`] as [string, string]] : []),
    ...(header.lossy ? [['lossy', 'the driver was not held up: see what is lost'] as [string, string]] : []),
    ['events', `${summary.events} in ${formatDuration(summary.duration)}`],
    ['lost', summary.lost === 0n ? '0' : `${summary.lost}: what follows a loss cannot be replayed`],
    ['complete', summary.complete ? `yes (${summary.reason})` : 'no: the recorder was killed, or still runs'],
    ...(header.partial ?? []).map((reason): [string, string] => ['partial', reason]),
    ['size', `${summary.bytes} bytes; ${summary.dataBytes} bytes of data moved; ${summary.bytesPerEvent.toFixed(1)} bytes an event without data`],
    ...header.devices.flatMap(driverRows),
    ...(header.module ? [['module', `pciem${moduleText(header.module)}`] as [string, string]] : []),
    ...(header.kernel.cmdline ? [['cmdline', header.kernel.cmdline] as [string, string]] : []),
  ]
  const kinds = Object.entries(summary.kinds).sort(([, a], [, b]) => b - a)
  const lines = rows.map(([name, text]) => `${name.padEnd(9)} ${text}`)
  lines.push('', ...kinds.map(([kind, count]) => `${String(count).padStart(9)}  ${kind}`))
  lines.push(...dmaLines(summary), ...vectorLines(header, summary), ...registerLines(summary), ...processLines(summary), ...logLines(summary))
  return lines.join('\n')
}

function dmaLines({ dma }: TraceSummary): string[] {
  const rows = Object.entries(dma)
  if (rows.length === 0) return []
  return ['', 'transfers     bytes  by DMA', ...rows.map(([kind, { transfers, bytes }]) => `${String(transfers).padStart(9)} ${String(bytes).padStart(9)}  ${kind}`)]
}

function vectorLines(header: TraceHeader, { vectors }: TraceSummary): string[] {
  if (vectors.length === 0) return []
  const many = header.devices.length > 1 || header.devices.some(({ functions }) => functions.length > 1)
  const rows = vectors.slice(0, shownRegisters).map(({ slot, func, vector, count, pending }) => {
    const of = many ? ` of ${functionTitle(header, slot, func)}` : ''
    return `${String(count).padStart(9)} ${String(pending).padStart(9)}  ${vector}${of}`
  })
  return ['', '     sent   pending  vector', ...rows, ...more(vectors.length, 'vectors')]
}

function registerLines({ registers }: TraceSummary): string[] {
  if (registers.length === 0) return []
  const rows = registers.slice(0, shownRegisters).map(({ place, reads, writes, answered, longest }) => {
    const waits = answered > 0 ? `  (${answered} answered, in ${formatDuration(longest)} at most)` : ''
    return `${String(reads).padStart(9)} ${String(writes).padStart(9)}  ${place}${waits}`
  })
  return ['', '    reads    writes  register', ...rows, ...more(registers.length, 'registers')]
}

function processLines({ processes }: TraceSummary): string[] {
  if (processes.length === 0) return []
  const rows = processes.slice(0, shownRegisters).map(({ pid, comm, count }) => `${String(count).padStart(9)} ${String(pid).padStart(9)}  ${comm ?? '?'}`)
  return ['', '   events       pid  process', ...rows, ...more(processes.length, 'processes')]
}

function logLines({ log }: TraceSummary): string[] {
  if (log.length === 0) return []
  const rows = log.slice(-shownRegisters).map(({ time, text }) => `[${(Number(time / 1000n) / 1e6).toFixed(6).padStart(12)}] ${text}`)
  return ['', 'kernel log', ...rows, ...more(log.length, 'earlier lines')]
}

/** ', srcversion …, build id …, NAME=VALUE …' */
function moduleText({ srcversion, buildId, parameters }: ModuleFacts): string {
  const set = Object.entries(parameters ?? {}).map(([name, value]) => `${name}=${value}`)
  return [srcversion && `, srcversion ${srcversion}`, buildId && `, build id ${buildId}`, set.length > 0 && `, ${set.join(' ')}`].filter(Boolean).join('')
}

function more(count: number, what: string): string[] {
  return count > shownRegisters ? [`          and ${count - shownRegisters} ${what} more (--json has all)`] : []
}

function deviceRows(device: TraceDevice): [string, string][] {
  return device.functions.map((fn) => {
    const config = new DataView(fn.config.value.buffer, fn.config.value.byteOffset)
    const id = `${config.getUint16(0, true).toString(16).padStart(4, '0')}:${config.getUint16(2, true).toString(16).padStart(4, '0')}`
    const bars = fn.bars.map(({ index, size }) => `BAR${index} ${formatSize(size)}`).join(', ')
    const driver = fn.driver ? `, driver ${fn.driver.name}${fn.driver.srcversion ? ` (srcversion ${fn.driver.srcversion})` : ''}` : ''
    const since = device.snapshot && device.snapshot.mappings.length > 0 ? `, recorded from event ${device.snapshot.seq} on` : ''
    return ['device', `${fn.bdf} [${id}]${bars && `, ${bars}`}${driver}, DMA ${device.dmaMode}${since}`]
  })
}

/** What the line of the device has no room for. */
function driverRows({ functions }: TraceDevice): [string, string][] {
  return functions.flatMap(({ driver }): [string, string][] => {
    if (!driver?.buildId && !driver?.parameters) return []
    const { name, buildId, parameters } = driver
    return [['driver', `${name}${moduleText({ ...(buildId && { buildId }), ...(parameters && { parameters }) })}`]]
  })
}

function formatSize(bytes: number): string {
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]] as const) if (bytes >= size) return `${bytes / size} ${unit}`
  return `${bytes} bytes`
}
