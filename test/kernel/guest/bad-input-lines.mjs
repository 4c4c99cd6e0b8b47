// SPDX-License-Identifier: MIT
//
// Standard input: a JSON array of lines. Runs each as a script of its own on an edu device that no driver has
// seen, and prints a JSON array with what each was refused with, or null.
import { text } from 'node:stream/consumers'
import { runBatch } from '../../../dist/src/repl/batch.js'
import { Session } from '../../../dist/src/repl/session.js'

const options = { name: '-c', json: false, write: () => undefined }
const lines = JSON.parse(await text(process.stdin))
const session = new Session()
await runBatch(session, 'create edu', options)
const refusals = []
for (const line of lines) {
  refusals.push(
    await runBatch(session, line, options).then(
      () => null,
      ({ message, exitCode }) => ({ message, status: exitCode }),
    ),
  )
}
await session.close()
process.stdout.write(JSON.stringify(refusals))
