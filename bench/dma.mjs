// SPDX-License-Identifier: MIT
//
// DMA between a program and a driver's memory, beside memcpy in the same process. Runs in a guest with
// pciem.ko and pciem_test.ko loaded.
import { readFileSync, writeFileSync } from 'node:fs'
import { Slot } from '../dist/src/index.js'

const size = 1 << 20
const seconds = Number(process.env.SECONDS_EACH ?? 1)

const slot = Slot.create({
  functions: [
    {
      ids: { vendor: 0x1db7, device: 0x0e10, classCode: 0xff0000 },
      bars: [{ index: 0, size: 0x10000, ranges: [{ offset: 0, length: 0x1000, policy: 'sync' }] }],
      capabilities: [{ type: 'pcie' }, { type: 'msix', vectors: 8, bar: 0, tableOffset: 0x4000, pbaOffset: 0x5000 }],
    },
  ],
})
const identification = 0x0100_00edn
slot.onEvent((event) => {
  if (event.type === 'mmio-read-request') slot.respond(event.seq, event.offset === 0 ? identification : 0n)
})
const [fn] = slot.functions
slot.start()
await fn.waitForDriver(20_000)

const commands = `/sys/kernel/debug/pciem_test/${fn.bdf}`
writeFileSync(commands, `dma alloc ${size} both`)
const iova = BigInt(JSON.parse(readFileSync(commands, 'utf8').trim().split('\n')[0]).iova)
const bytes = new Uint8Array(size).fill(0x5a)
const other = new Uint8Array(size)

for (const length of [4 << 10, 64 << 10, size]) {
  const part = bytes.subarray(0, length)
  row(`DMA write, ${length >> 10} KiB a call`, length, () => fn.dma.write(iova, part))
  row(`DMA read, ${length >> 10} KiB a call`, length, () => fn.dma.read(iova, length, part))
  row(`memcpy, ${length >> 10} KiB a call`, length, () => other.set(part))
}
slot.close()

function row(name, length, action) {
  const start = performance.now()
  let calls = 0
  for (; performance.now() - start < seconds * 1000; calls += 16) for (let i = 0; i < 16; i++) action()
  const elapsed = (performance.now() - start) / 1000
  const mebibytes = (calls * length) / elapsed / (1 << 20)
  if (process.argv.includes('--json')) console.log(JSON.stringify({ name, mibPerSecond: Math.round(mebibytes) }))
  else console.log(`${name.padEnd(44)} ${mebibytes.toFixed(0).padStart(8)} MiB/s  ${((elapsed / calls) * 1e6).toFixed(1).padStart(9)} µs a call`)
}
