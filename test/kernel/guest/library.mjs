// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem.ko and pciem_test.ko loaded: the library against the real module,
// played to a real driver. Most claims build on the device of the one before.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { Slot, uapi } from '../../../dist/src/index.js'
import { claim, command, until } from './claims.mjs'
import { COUNTER, DIRECT, ID, SCRATCH, allOnes, drainInto, fails, normalAnswers, options, sh, thread } from './library-tools.mjs'

let slot
let fn
let monitor
let answer
let unsubscribe
const events = []
const records = []

function play(event) {
  events.push(event)
  if (event.type === 'mmio-read-request') answer(event)
}

const drain = () => drainInto(records, monitor)
const driver = (line) => command(fn.bdf, line)

const ofKind = (kind) => {
  drain()
  return records.filter((one) => one.kind === kind)
}

await claim.keeping('a device is on the bus as it was described, before any driver sees it', () => {
  assert.deepEqual(Slot.list(), [])
  slot = Slot.create(options)
  fn = slot.functions[0]
  answer = normalAnswers(slot)
  monitor = slot.monitor({ ringSize: 1 << 20 })
  unsubscribe = slot.onEvent(play)
  assert.match(fn.bdf, /^f[0-9a-f]{3}:01:00\.0$/)
  assert.equal(slot.info().state, 'registered')
  assert.deepEqual(fn.ids, options.functions[0].ids)
  assert.equal(fn.driver(), null)
  const [listed] = Slot.list()
  assert.deepEqual([listed.slot, listed.ownerPid, listed.ids], [slot.id, process.pid, [{ func: 0, vendor: 0x1db7, device: 0x0e10 }]])
})

await claim.keeping('lspci and setpci see the config space that the owner sees', () => {
  assert.match(sh('lspci', '-n', '-s', fn.bdf), /ff00: 1db7:0e10 \(rev 07\)/)
  assert.match(sh('lspci', '-vv', '-s', fn.bdf), /MSI-X: Enable- Count=8/)
  assert.equal(Number.parseInt(sh('setpci', '-s', fn.bdf, 'CAP_MSIX+2.w'), 16), fn.config.read(0x84 + 2, 2))
  fn.config.write(0x3c, 1, 0x5a)
  assert.equal(sh('setpci', '-s', fn.bdf, 'INTERRUPT_LINE'), '5a')
  sh('setpci', '-s', fn.bdf, 'SUBSYSTEM_ID=dead')
  assert.equal(fn.config.read(0x2e, 2), 0x1234)
  assert.equal(BigInt(`0x${sh('setpci', '-s', fn.bdf, 'BASE_ADDRESS_0')}`) & ~0xfn, fn.bars.get(0).physAddr & 0xffff_fff0n)
})

await claim.keeping('start() lets the driver bind, with its reads answered from the event loop', async () => {
  slot.start()
  assert.equal(await fn.waitForDriver(60_000), 'pciem_test')
  assert.equal(slot.info().state, 'started')
  await until('the bind event', () => events.some((event) => event.type === 'bind'))
  const request = events.find((event) => event.type === 'mmio-read-request')
  assert.deepEqual([request.bar, request.offset, request.width, request.func], [0, 0, 4, 0])
  assert.throws(() => slot.start(), fails('EBUSY', /started already/))
})

await claim.keeping('each read reaches the model once, and gets its own answer', async () => {
  for (const expected of ['0x1', '0x2', '0x3']) {
    const [read] = await driver(`access r ${COUNTER} 4`)
    assert.equal(BigInt(read.value), BigInt(expected))
  }
  const [wide] = await driver('access r 0 8')
  assert.equal(BigInt(wide.value), ID.value)
})

await claim.keeping('writes arrive in order, and before the read behind them', async () => {
  events.length = 0
  await driver('access w 0x40 1 0xab')
  await driver('access w 0x42 2 0xcdef')
  await driver('access w 0x48 8 0x1122334455667788')
  await driver(`access r ${COUNTER} 4`)
  assert.deepEqual(
    events.map((event) => [event.type, event.offset, event.width, event.value]),
    [
      ['mmio-write', 0x40, 1, 0xabn],
      ['mmio-write', 0x42, 2, 0xcdefn],
      ['mmio-write', 0x48, 8, 0x1122_3344_5566_7788n],
      ['mmio-read-request', COUNTER, 4, 0n],
    ],
  )
})

await claim.keeping('a read that is answered with an error, or not at all, is all-ones', async () => {
  answer = (event) => slot.respond(event.seq, 5n, false)
  assert.equal(Number((await driver('access r 4 4'))[0].value), allOnes)
  assert.equal(slot.info().timeouts, 0n)
  let late
  answer = (event) => (late = event.seq)
  assert.equal(Number((await driver('access r 4 4'))[0].value), allOnes)
  assert.equal(slot.info().timeouts, 1n)
  assert.throws(() => slot.respond(late, 1n), fails('EINVAL', /no read waits for it/))
  answer = normalAnswers(slot)
})

await claim.keeping('the BAR memory is shared with the driver, behind traps and without', async () => {
  const bar = fn.bars.get(0)
  for (const offset of [SCRATCH, DIRECT]) {
    bar.write(offset, 4, 0xfeed_f00dn)
    assert.equal(BigInt((await driver(`access r ${offset} 4`))[0].value), 0xfeed_f00dn)
    await driver(`access w ${offset + 8} 8 0x0123456789abcdef`)
    assert.equal(bar.read(offset + 8, 8), 0x0123_4567_89ab_cdefn)
    assert.equal(bar.memory[offset + 8], 0xef)
  }
  drain()
  const seen = records.filter((one) => one.kind === uapi.PCIEM_RECORD_MMIO_READ || one.kind === uapi.PCIEM_RECORD_MMIO_WRITE).map((one) => Number(one.addr))
  assert.ok(seen.includes(SCRATCH) && seen.includes(SCRATCH + 8))
  assert.ok(!seen.some((addr) => addr >= DIRECT && addr < DIRECT + 0x1000))
})

await claim.keeping('a range may answer in another way from now on', async () => {
  const bar = fn.bars.get(0)
  bar.setPolicy(SCRATCH, 16, 'sync')
  answer = (event) => slot.respond(event.seq, 0x77n)
  assert.equal(Number((await driver(`access r ${SCRATCH} 4`))[0].value), 0x77)
  bar.setPolicy(SCRATCH, 16, 'store', { report: 'reads' })
  events.length = 0
  assert.equal(BigInt((await driver(`access r ${SCRATCH} 4`))[0].value), bar.read(SCRATCH, 4))
  await until('the report of the read', () => events.length > 0)
  assert.deepEqual(events.map((event) => event.type), ['mmio-read'])
  assert.throws(() => bar.setPolicy(0, 0x1000, 'direct'), fails('EBUSY', /before start/))
  answer = normalAnswers(slot)
})

await claim.keeping('interrupts arrive, each on its own vector', async () => {
  assert.throws(() => fn.irq.inject(3), fails('EBUSY', /has not enabled/))
  assert.throws(() => fn.irq.inject(8), fails('EINVAL', /no such vector/))
  await driver('irq request 4')
  const counts = async () => (await driver('irq counts')).map((one) => one.count)
  for (const [vector, wanted] of [[3, 1], [1, 1], [3, 2]]) {
    fn.irq.inject(vector)
    await until(`interrupt ${wanted} of vector ${vector}`, async () => (await counts())[vector] >= wanted)
  }
  assert.deepEqual(await counts(), [0, 1, 0, 2])
  assert.deepEqual(ofKind(uapi.PCIEM_RECORD_IRQ).slice(-3).map((one) => one.addr), [3n, 1n, 3n])
})

let buffer
await claim.keeping('DMA reaches what the driver has mapped, and says what else it has not', async () => {
  ;[buffer] = await driver('dma alloc 8192 coherent')
  const iova = BigInt(buffer.iova)
  const [mapping] = fn.dma.maps().filter((map) => map.iova === iova)
  assert.deepEqual([mapping.length, mapping.coherent], [8192n, true])
  const bytes = Uint8Array.from({ length: 8192 }, (_, i) => (0x10 + i) & 0xff)
  fn.dma.write(iova, bytes)
  assert.equal((await driver(`dma check ${buffer.buffer} 0x10`))[0].wrong, 0)
  await driver(`dma fill ${buffer.buffer} 0x80`)
  const into = new Uint8Array(16)
  assert.equal(fn.dma.read(iova + 4000n, 16, into), into)
  assert.deepEqual([...into], Array.from({ length: 16 }, (_, i) => (0x80 + 4000 + i) & 0xff))
  assert.throws(() => fn.dma.read(iova + 8192n, 16), fails('EFAULT', /DMA read of 16 bytes at IOVA 0x[0-9a-f]+: the driver has not mapped it/))
  assert.equal(fn.dma.read(iova, 0).length, 0)
})

await claim.keeping('atomics work on the mapped memory', () => {
  const iova = BigInt(buffer.iova)
  const word = (value) => fn.dma.write(iova, new Uint8Array(new BigUint64Array([value]).buffer))
  const now = () => new BigUint64Array(fn.dma.read(iova, 8).buffer)[0]
  word(40n)
  assert.equal(fn.dma.atomic('fetch-add', iova, 8, 2n), 40n)
  assert.equal(now(), 42n)
  assert.equal(fn.dma.atomic('compare-and-swap', iova, 8, 7n, 41n), 42n)
  assert.equal(now(), 42n)
  assert.equal(fn.dma.atomic('compare-and-swap', iova, 8, 7n, 42n), 42n)
  assert.equal(fn.dma.atomic('swap', iova, 8, 0xf0n), 7n)
  assert.equal(fn.dma.atomic('fetch-xor', iova, 8, 0xffn), 0xf0n)
  assert.equal(now(), 0x0fn)
})

await claim.keeping('DMA against the mapping’s direction is refused', async () => {
  const [one] = await driver('dma alloc 4096 to-device')
  fn.dma.read(BigInt(one.iova), 64)
  assert.throws(() => fn.dma.write(BigInt(one.iova), new Uint8Array(64)), fails('EACCES', /direction forbids/))
  await driver(`dma unmap ${one.buffer}`)
  assert.throws(() => fn.dma.read(BigInt(one.iova), 64), fails('EFAULT', /has unmapped it/))
})

await claim.keeping('what the device does names the access that it had taken last', async () => {
  answer = (event) => {
    fn.dma.write(BigInt(buffer.iova), Uint8Array.of(1, 2, 3, 4))
    fn.irq.inject(0)
    slot.respond(event.seq, 9n)
  }
  await driver('access r 0x50 4')
  answer = normalAnswers(slot)
  const [request] = ofKind(uapi.PCIEM_RECORD_MMIO_READ_REQUEST).slice(-1)
  const [dma] = ofKind(uapi.PCIEM_RECORD_DMA_WRITE).slice(-1)
  const [irq] = ofKind(uapi.PCIEM_RECORD_IRQ).slice(-1)
  const [completion] = ofKind(uapi.PCIEM_RECORD_MMIO_READ_COMPLETION).slice(-1)
  assert.equal(request.addr, 0x50n)
  assert.deepEqual([dma.cause, irq.cause, completion.cause, completion.value], [request.seq, request.seq, request.seq, 9n])
  assert.ok(request.seq < dma.seq && dma.seq < irq.seq && irq.seq < completion.seq)
  assert.deepEqual([...dma.data], [1, 2, 3, 4])
})

await claim.keeping('a monitor has every transaction, marks included, without a gap', () => {
  slot.mark('grüße')
  const [mark] = ofKind(uapi.PCIEM_RECORD_MARK).slice(-1)
  assert.equal(new TextDecoder().decode(mark.data), 'grüße')
  const first = records[0].seq
  assert.deepEqual(records.map((one) => one.seq), records.map((_, index) => first + BigInt(index)))
  assert.equal(records.at(-1).seq, slot.info().seq)
  assert.equal(monitor.lost, 0n)
})

await claim.keeping('unbind and bind run the driver while this thread goes on answering', async () => {
  events.length = 0
  await fn.unbind()
  assert.equal(fn.driver(), null)
  assert.throws(() => fn.dma.read(BigInt(buffer.iova), 16), fails(fn.config.read(4, 2) & 4 ? 'EFAULT' : 'EPERM', /DMA read/))
  await assert.rejects(fn.unbind(), fails('ENODEV', /has no driver/))
  await fn.bind('pciem_test')
  assert.equal(fn.driver(), 'pciem_test')
  await assert.rejects(fn.bind('pciem_test'), fails('EBUSY', /unbind it first/))
  answer = (event) => slot.respond(event.seq, 0n)
  await fn.unbind()
  await assert.rejects(fn.bind('pciem_test'), fails('ENODEV', /kernel's log/))
  answer = normalAnswers(slot)
  await fn.bind('pciem_test')
  const kinds = () => events.filter((event) => event.type.endsWith('bind')).map((event) => event.type)
  await until('the last bind event', () => kinds().length >= 4)
  assert.deepEqual(kinds(), ['unbind', 'bind', 'unbind', 'bind'])
})

await claim.keeping('another thread can read the stream of a slot, by its number', async () => {
  const reader = thread(
    `const monitor = lib.Slot.monitor(w.id, { lossy: true })
     say('ready')
     let count = 0
     while (count < 2) if (monitor.wait(-1, { spinUs: 20 })) monitor.drain(() => count++)
     monitor.close()
     say(count)`,
    { id: slot.id },
  )
  assert.equal(await reader.next(), 'ready')
  await driver(`access r ${COUNTER} 4`)
  assert.equal(await reader.next(), 2)
  assert.throws(() => Slot.monitor(slot.id + 1), fails('ENOENT', /no such slot/))
})

await claim.keeping('another thread can play the slot, and hand it back', async () => {
  unsubscribe()
  const player = thread(
    `const slot = lib.Slot.adopt(w.handles)
     let reads = 0
     slot.onEvent((event) => {
       if (event.type !== 'mmio-read-request') return
       slot.respond(event.seq, 0xabn)
       reads++
     })
     say('ready')
     while (reads < 2) if (slot.waitRing(-1, 50)) slot.dispatch()
     slot.close()
     say(slot.functions[0].bdf)`,
    { handles: slot.handles() },
  )
  assert.equal(await player.next(), 'ready')
  for (const _ of [1, 2]) assert.equal(Number((await driver('access r 4 4'))[0].value), 0xab)
  assert.equal(await player.next(), fn.bdf)
  unsubscribe = slot.onEvent(play)
  assert.notEqual(Number((await driver(`access r ${COUNTER} 4`))[0].value), 0xab)
})

await claim.keeping('an orderly removal runs the driver to its end, and the stream says so', async () => {
  await slot.remove()
  assert.equal(slot.info().state, 'removed')
  await until('the removed event', () => events.some((event) => event.type === 'removed'))
  drain()
  const removal = records.findLastIndex((one) => one.kind === uapi.PCIEM_RECORD_REMOVE)
  assert.equal(records[removal].value, 0n)
  assert.equal(records.at(-1).kind, uapi.PCIEM_RECORD_UNBIND)
  assert.ok(monitor.closed)
  assert.ok(!existsSync(`/sys/bus/pci/devices/${fn.bdf}`))
  assert.throws(() => fn.irq.inject(0), fails('ENODEV', /has been removed/))
  assert.throws(() => fn.dma.read(0x1000n, 4), fails('ENODEV', /has been removed/))
})

await claim.keeping('a closed slot is gone, and everything that it gave out is harmless', () => {
  const { memory } = fn.bars.get(0)
  slot.close()
  slot.close()
  monitor.close()
  assert.equal(memory.length, 0)
  assert.throws(() => slot.start(), fails('EBADF', /closed/))
  assert.throws(() => fn.bars.get(0).read(0, 4), fails('EBADF', /closed/))
  assert.deepEqual(Slot.list(), [])
})

await claim.keeping('a slot that is closed while its driver is bound is pulled out by surprise', async () => {
  slot = Slot.create(options)
  fn = slot.functions[0]
  answer = normalAnswers(slot)
  const end = slot.onEvent(play)
  const watch = slot.monitor()
  slot.start()
  await fn.waitForDriver(60_000)
  end()
  slot.close()
  await until('the end of the stream', () => (watch.drain(() => undefined), watch.closed))
  watch.close()
  await until('the end of the slot', () => Slot.list().length === 0)
  assert.ok(!existsSync(`/sys/bus/pci/devices/${fn.bdf}`))
})
