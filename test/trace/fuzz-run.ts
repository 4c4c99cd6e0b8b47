// SPDX-License-Identifier: MIT
// fuzz-run FIRST INPUTS: one process of `make fuzz-trace`. The last line says what came out.
import { fuzzReader } from './fuzz-loop.js'

const [first, inputs] = process.argv.slice(2).map(Number) as [number, number]
const { sound, refused } = fuzzReader(first, inputs, (done, { refused: so }) => {
  if (done % 50_000 === 0) process.stderr.write(`from ${first}: ${done} inputs, ${so} of them refused\n`)
})
process.stdout.write(`${sound} ${refused}\n`)
