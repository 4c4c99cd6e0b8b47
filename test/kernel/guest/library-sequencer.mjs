// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem.ko and pciem_test.ko loaded: the library's sequencer, which plays a device by itself.
import assert from 'node:assert/strict'
import { Slot, uapi } from '../../../dist/src/index.js'
import { claim, until } from './claims.mjs'
import { ID, drainInto, fails, normalAnswers, options } from './library-tools.mjs'

let slot
let fn
let image
const records = []

await claim.keeping('a probe is recorded, to be played again', async () => {
  slot = Slot.create(options)
  fn = slot.functions[0]
  const answer = normalAnswers(slot)
  const monitor = slot.monitor({ ringSize: 1 << 20 })
  slot.onEvent((event) => event.type === 'mmio-read-request' && answer(event))
  slot.start()
  assert.equal(await fn.waitForDriver(60_000), 'pciem_test')
  image = { value: fn.config.bytes(), writable: fn.config.bytes('writable'), w1c: fn.config.bytes('w1c') }
  await slot.remove()
  drainInto(records, monitor)
  monitor.close()
  slot.close()
})

// From what the driver did: its config writes and reads until it was bound.
function probeSteps() {
  const bind = records.findIndex((one) => one.kind === uapi.PCIEM_RECORD_BIND)
  const base = { func: 0, flags: 0, lane: 0, cause: 0n, data: undefined }
  return records.slice(0, bind).flatMap((one, index) => {
    const step = { ...base, bar: one.bar, width: one.width, index: BigInt(index + 1), addr: one.addr, value: one.value, mask: 0xffff_ffff_ffff_ffffn }
    if (one.kind === uapi.PCIEM_RECORD_CFG_WRITE && (one.flags & uapi.PCIEM_RF_ORIGIN_MASK) === uapi.PCIEM_RF_ORIGIN_DRIVER) return [{ ...step, op: uapi.PCIEM_SEQ_EXPECT_CFG_WRITE }]
    if (one.kind === uapi.PCIEM_RECORD_MMIO_READ_REQUEST) return [{ ...step, op: uapi.PCIEM_SEQ_EXPECT_MMIO_READ, value: ID.value }]
    return []
  })
}

function recorded() {
  const config = { ...image, value: image.value.slice() }
  new DataView(config.value.buffer).setUint16(4, 0, true)
  const [described] = options.functions
  const bars = [{ ...described.bars[0], ranges: [] }]
  return Slot.create({ functions: [{ ...described, bars, capabilities: [], config }], sequencer: { window: 64 } })
}

await claim.keeping('the sequencer plays the device by itself, from a whole config image', async () => {
  slot = recorded()
  fn = slot.functions[0]
  assert.deepEqual(fn.ids, options.functions[0].ids)
  const seen = []
  slot.onEvent((event) => seen.push(event))
  const steps = probeSteps()
  assert.ok(steps.length >= 2, `only ${steps.length} steps`)
  const mark = { ...steps[0], op: uapi.PCIEM_SEQ_DO_MARK, index: steps.at(-1).index + 1n, value: 99n, addr: 0n, mask: 0n }
  assert.equal(slot.pushSteps([...steps, mark], true), true)
  slot.start()
  assert.equal(await fn.waitForDriver(60_000), 'pciem_test')
  await until('the end of the sequence', () => seen.some((event) => event.type === 'seq-done'))
  const status = slot.sequencerStatus()
  assert.deepEqual([status.state, status.matched, status.pending, status.divergence], ['done', BigInt(steps.length), 0n, undefined])
  assert.equal(seen.find((event) => event.type === 'seq-mark').value, 99n)
  await slot.remove({ surprise: true })
  slot.close()
})

await claim.keeping('a window that is full takes nothing', () => {
  slot = recorded()
  const step = { op: uapi.PCIEM_SEQ_DO_MARK, func: 0, bar: 0xff, width: 0, flags: 0, lane: 0, cause: 0n, addr: 0n, value: 0n, mask: 0n }
  const steps = Array.from({ length: 65 }, (_, index) => ({ ...step, index: BigInt(index + 1) }))
  assert.equal(slot.pushSteps(steps, false), false)
  assert.throws(() => slot.pushSteps([{ ...step, op: 200, index: 1n }], false), fails('EINVAL', /malformed/))
  slot.close()
})

await claim.keeping('a divergence names the step, what was expected and what came', async () => {
  slot = recorded()
  fn = slot.functions[0]
  const seen = []
  slot.onEvent((event) => seen.push(event))
  const steps = probeSteps()
  const read = steps.findIndex((step) => step.op === uapi.PCIEM_SEQ_EXPECT_MMIO_READ)
  steps[read] = { ...steps[read], addr: 0x10n }
  slot.pushSteps(steps, true)
  slot.start()
  await until('the divergence', () => seen.some((event) => event.type === 'seq-diverged'))
  const { state, divergence } = slot.sequencerStatus()
  assert.equal(state, 'diverged')
  assert.deepEqual([divergence.reason, divergence.index, divergence.addr, divergence.width], ['access', steps[read].index, 0n, 4])
  assert.equal(divergence.kind, uapi.PCIEM_RECORD_MMIO_READ)
  assert.match(divergence.stack, /pciem_test_probe/)
  await slot.remove({ surprise: true }).catch(() => undefined)
  slot.close()
})
