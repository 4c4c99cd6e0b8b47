// SPDX-License-Identifier: MIT
//
// What the scripts about the library share: a device that pciem_test binds to, its stream, and threads.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { PciemError, uapi } from '../../../dist/src/index.js'

export const sh = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' }).trim()
const record = uapi.STRUCT.pciem_record
export const allOnes = 0xffff_ffff
export const ID = { offset: 0x00, value: 0x0100_00edn }
export const COUNTER = 0x28
export const SCRATCH = 0x1000
export const DIRECT = 0x2000

// What the test driver knows: IDs, an ID register, MSI-X, traps and plain memory in one BAR.
export const options = {
  ringEntries: 256,
  functions: [
    {
      ids: { vendor: 0x1db7, device: 0x0e10, subsystemVendor: 0x1af4, subsystem: 0x1234, revision: 7, classCode: 0xff0000 },
      bars: [
        {
          index: 0,
          size: 0x10000,
          ranges: [
            { offset: 0, length: 0x1000, policy: 'sync' },
            { offset: DIRECT, length: 0x1000, policy: 'direct' },
          ],
        },
      ],
      capabilities: [{ type: 'pm' }, { type: 'pcie' }, { type: 'msix', vectors: 8, bar: 0, tableOffset: 0x4000, pbaOffset: 0x5000 }],
    },
  ],
}

/** Answers reads as the driver expects: the ID register, a counter that each read advances, and zeroes. */
export function normalAnswers(slot) {
  let counter = 0n
  return (event) => slot.respond(event.seq, event.offset === ID.offset ? ID.value : event.offset === COUNTER ? ++counter : 0n)
}

/** Adds what the monitor holds to the records. */
export function drainInto(records, monitor) {
  monitor.drain((view, start) => {
    const at = (field) => start + record[field]
    const length = view.getUint32(at('data_len'), true)
    records.push({
      kind: view.getUint8(at('kind')),
      seq: view.getBigUint64(at('seq'), true),
      cause: view.getBigUint64(at('cause'), true),
      flags: view.getUint16(at('flags'), true),
      bar: view.getUint8(at('bar')),
      width: view.getUint8(at('width')),
      addr: view.getBigUint64(at('addr'), true),
      value: view.getBigUint64(at('value'), true),
      data: new Uint8Array(view.buffer, start + record.sizeof, length).slice(),
    })
  })
}

/** A thread that runs `body` with the library as `lib` and its data as `w`; next() is the next thing that it says. */
export function thread(body, data) {
  const code = `const { parentPort, workerData: w } = require('node:worker_threads')
    const say = (message) => parentPort.postMessage(message)
    import(w.library).then(async (lib) => { ${body} })`
  const library = new URL('../../../dist/src/index.js', import.meta.url).href
  const worker = new Worker(code, { eval: true, workerData: { ...data, library } })
  const waiting = []
  const said = []
  worker.on('message', (message) => (waiting.length > 0 ? waiting.shift()(message) : said.push(message)))
  worker.on('error', (error) => console.error(error))
  return {
    worker,
    next: async () => (said.length > 0 ? said.shift() : await new Promise((resolve) => waiting.push(resolve))),
  }
}

export const fails = (code, message) => (error) => {
  assert.ok(error instanceof PciemError, String(error?.stack))
  assert.equal(error.code, code)
  assert.match(error.message, message)
  assert.ok(!error.message.includes('\n'))
  return true
}
