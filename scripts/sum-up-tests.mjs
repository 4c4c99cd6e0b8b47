// SPDX-License-Identifier: MIT
// sum-up-tests.mjs RESULTS.json...: one line for all projects. A skipped test has shown nothing, so it
// counts as failed; so does a test file that could not run, and a project that left no results.
import { readFileSync } from 'node:fs'

let passed = 0
const failures = []

for (const path of process.argv.slice(2)) {
  let results
  try {
    results = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    failures.push(`${path}: the test run left no results`)
    continue
  }
  for (const file of results.testResults) {
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status === 'passed')) failures.push(`${file.name}: ${file.message.split('\n', 1)[0]}`)
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed++
      else failures.push(`${test.status}: ${test.fullName}`)
    }
  }
}

for (const failure of failures) console.log(failure)
console.log(`${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0
