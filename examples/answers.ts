/// <reference path="../globals.d.ts" />
// SPDX-License-Identifier: MIT
// bin/pciem repl examples/answers.ts: a register that is answered by a promise, asked for by the device's owner.
await command('create device vendor=0x1db7 device=0x7e40 bar0=4K:sync')
const end = on('mmio-read', 'bar0+0x8', async ({ width }) => {
  await sleep(0.01)
  return (1n << BigInt(8 * width)) - 1n
})
bar0.write(0x8, 4, 0x1234n)
expect(bar0.read(0x8, 4) === 0x1234n, 'what the memory holds')
console.log(hexdump(bar0.memory.subarray(0, 16)))
end()
