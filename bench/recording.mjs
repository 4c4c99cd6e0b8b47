// SPDX-License-Identifier: MIT
// Reads lines `without JSON` and `with JSON` of the test driver's bench, in turns without and with a recorder, and
// prints the median of each and their ratio.
import { readFileSync } from 'node:fs'

const found = new Map()
for (const line of readFileSync(0, 'utf8').split('\n')) {
  const [, how, json] = /^(with|without) (\{"bench".*\})$/.exec(line) ?? []
  if (!how)
    continue
  const { bench, ns } = JSON.parse(json)
  if (!found.has(bench))
    found.set(bench, { with: [], without: [] })
  found.get(bench)[how].push(ns)
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1]
for (const [bench, runs] of found) {
  const [without, recorded] = [median(runs.without), median(runs.with)]
  process.stdout.write(`${bench.padEnd(40)} ${String(without).padStart(10)} ${String(recorded).padStart(10)} ${(recorded / without).toFixed(2).padStart(6)}\n`)
}
