// SPDX-License-Identifier: MIT
// Colours of the canvas are those of the style sheet, so that light and dark are said once.

const names = ['bg', 'panel', 'raised', 'line', 'faint', 'text', 'dim', 'accent', 'read', 'write', 'config', 'dmaread', 'dmawrite', 'irq', 'map', 'device', 'fault', 'hit', 'select']

export function readColours() {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
}

/** The colour's name for a kind of event. */
export function colourName(kind) {
  if (kind === 'fault' || kind === 'lost') return 'fault'
  if (kind === 'irq') return 'irq'
  if (kind.startsWith('cfg-')) return kind === 'cfg-read' ? 'config' : 'write'
  if (kind === 'dma-read' || kind === 'p2p-read') return 'dmaread'
  if (kind === 'dma-write' || kind === 'dma-atomic' || kind === 'p2p-write') return 'dmawrite'
  if (kind.startsWith('dma-')) return 'map'
  if (kind.endsWith('-write')) return 'write'
  return kind.includes('-read') ? 'read' : 'device'
}

/** The two colours of a lane's densities: reads below, writes above. */
export function laneColours(name) {
  if (name === 'config') return ['config', 'write']
  if (name === 'DMA') return ['dmaread', 'dmawrite']
  if (name === 'IRQ') return ['irq', 'irq']
  if (name === 'mappings') return ['map', 'map']
  return name === 'device' ? ['device', 'device'] : ['read', 'write']
}
