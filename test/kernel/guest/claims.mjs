// SPDX-License-Identifier: MIT
//
// What the scripts that run inside a guest share: a claim is checked, and said as one JSON line
// {claim, error?}; the test driver's commands run off this thread, as they may need its answers.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Slot } from '../../../dist/src/index.js'

const execute = promisify(execFile)
const made = []

/** A device that is closed when the claim is done, if not before. */
export function make(options) {
  const slot = Slot.create(options)
  made.push(slot)
  return slot
}

/** Checks what it says, and goes on in any case. */
export async function claim(text, check) {
  await claim.keeping(text, check)
  for (const slot of made.splice(0)) slot.close()
}

/** The same for a claim whose devices the next ones go on with. */
claim.keeping = async (text, check) => {
  let error
  try {
    await check()
  } catch (thrown) {
    error = thrown.stack ?? String(thrown)
  }
  console.log(JSON.stringify({ claim: text, ...(error && { error }) }))
}

/** A tool's output. */
export async function run(file, ...args) {
  const { stdout } = await execute(file, args, { maxBuffer: 16 << 20 })
  return stdout
}

/** A command of pciem_test to the function at this address; what it found. */
export async function command(bdf, line) {
  const file = `/sys/kernel/debug/pciem_test/${bdf}`
  await writeFile(file, line)
  const text = await readFile(file, 'utf8')
  return text.split('\n').filter(Boolean).map((one) => JSON.parse(one))
}

/** What the driver reads at an offset of its BAR. */
export async function driverReads(bdf, offset, width = 4) {
  const [{ value }] = await command(bdf, `access r ${offset} ${width}`)
  return Number(value)
}

/** Waits for it to be so; the machine may be slow. */
export async function until(what, condition, seconds = 60) {
  for (const deadline = performance.now() + seconds * 1000; ; await sleep(20)) {
    const found = await condition()
    if (found) return found
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
  }
}

/** A function that pciem_test binds to; its registers answer from memory. */
export function testFunction(capabilities = [], change = {}) {
  return {
    ids: { vendor: 0x1db7, device: 0x0e10, classCode: 0xff0000 },
    bars: [{ index: 0, size: 0x10000 }],
    capabilities: [{ type: 'pm' }, { type: 'pcie' }, { type: 'msix', vectors: 8, bar: 0, tableOffset: 0x4000, pbaOffset: 0x5000 }, ...capabilities],
    ...change,
  }
}

/** The ID register that the driver looks for. */
export function fillId(fn) {
  fn.bars.get(0).write(0, 4, 0x0100_00edn)
}
