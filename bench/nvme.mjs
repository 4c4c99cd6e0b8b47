// SPDX-License-Identifier: MIT
//
// What the NVMe model alone costs: a driver that lives in the same process rings doorbells over
// plain memory, so there is no kernel in these numbers. Run `npm run build` first.
import { Controller } from '../dist/models/nvme/controller.js'
import { MemoryMedium } from '../dist/models/nvme/medium.js'
import { Namespace } from '../dist/models/nvme/namespace.js'
import { parseNvmeOptions } from '../dist/models/nvme/options.js'
import { BAR_SIZE, DOORBELLS, REG } from '../dist/models/nvme/registers.js'

const ADMIN_SQ = 0x1000
const ADMIN_CQ = 0x3000
const SQ = 0x1_0000
const CQ = 0x2_0000
const LIST = 0x3_0000
const DATA = 0x10_0000
const DEPTH = 256

function controller() {
  const memory = new Uint8Array(4 << 20)
  const view = new DataView(memory.buffer)
  const options = parseNvmeOptions({ size: '256M', serial: 'bench' })
  const namespace = new Namespace(1, new MemoryMedium(options.size), options.lba, options.serial)
  const registers = new Uint8Array(BAR_SIZE)
  const dma = {
    read: (iova, length, into) => (into.set(memory.subarray(Number(iova), Number(iova) + length)), into),
    write: (iova, data) => memory.set(data, Number(iova)),
  }
  const nvme = new Controller({ registers, dma, irq: { inject() {} } }, options, new Map([[1, namespace]]))
  const words = new Uint32Array(registers.buffer)
  const write = (offset, value) => {
    words[offset >> 2] = value
    nvme.write(offset, 4, BigInt(value))
  }
  write(REG.AQA, 0x1f001f)
  write(REG.ASQ, ADMIN_SQ)
  write(REG.ACQ, ADMIN_CQ)
  write(REG.CC, 0x460001)
  const admin = [
    [0x05, CQ, ((DEPTH - 1) << 16) | 1, 0x1_0003],
    [0x01, SQ, ((DEPTH - 1) << 16) | 1, 0x1_0001],
  ]
  admin.forEach(([opcode, prp, cdw10, cdw11], index) => {
    const at = ADMIN_SQ + index * 64
    view.setUint32(at, opcode, true)
    view.setBigUint64(at + 24, BigInt(prp), true)
    view.setUint32(at + 40, cdw10, true)
    view.setUint32(at + 44, cdw11, true)
    write(DOORBELLS, index + 1)
  })
  return { nvme, view, write }
}

/** Reads of `bytes` at a queue depth; every page of the buffer is apart from the next. */
function reads(bytes, queueDepth, seconds) {
  const { nvme, view, write } = controller()
  const pages = bytes / 4096
  for (let i = 1; i < pages; i++) view.setBigUint64(LIST + (i - 1) * 8, BigInt(DATA + 2 * i * 4096), true)
  for (let i = 0; i < DEPTH; i++) {
    const at = SQ + i * 64
    view.setUint32(at, 0x02 | (i << 16), true)
    view.setUint32(at + 4, 1, true)
    view.setBigUint64(at + 24, BigInt(DATA), true)
    view.setBigUint64(at + 32, BigInt(pages === 2 ? DATA + 8192 : LIST), true)
    view.setUint32(at + 48, bytes / 512 - 1, true)
  }
  let tail = 0
  let done = 0
  const start = performance.now()
  while (performance.now() - start < seconds * 1000) {
    for (let i = 0; i < 100; i++) {
      tail = (tail + queueDepth) % DEPTH
      write(DOORBELLS + 8, tail)
      write(DOORBELLS + 12, tail)
      done += queueDepth
    }
  }
  const elapsed = (performance.now() - start) / 1000
  if (nvme.stats().reads !== BigInt(done)) throw new Error(`${done} commands were rung, ${nvme.stats().reads} ran`)
  return { name: `nvme model alone, ${bytes / 1024} KiB reads, depth ${queueDepth}`, perSecond: Math.round(done / elapsed), mibPerSecond: Math.round((done * bytes) / elapsed / 2 ** 20) }
}

const seconds = Number(process.env.SECONDS_EACH ?? 1)
const rows = [reads(4096, 1, seconds), reads(4096, 32, seconds), reads(131072, 8, seconds)]
if (process.argv.includes('--json')) for (const row of rows) console.log(JSON.stringify(row))
else for (const { name, perSecond, mibPerSecond } of rows) console.log(`${name.padEnd(48)} ${String(perSecond).padStart(9)} /s ${String(mibPerSecond).padStart(6)} MiB/s`)
