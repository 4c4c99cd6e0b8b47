// SPDX-License-Identifier: MIT
// sum-up-tests.mjs RESULTS.json...: one line for all projects. A skipped test has shown nothing, so it
// counts as failed; so does a test file that could not run, and a project that left no results.
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

/** The first lines of what a test said, an oops among them: enough to begin with, where the rest of the output is far above. */
function reason({ failureMessages: [message = ''] }) {
  const lines = stripVTControlCharacters(message).split('\n').filter((line) => line.trim() && !/^\s+at /.test(line))
  return lines.slice(0, 50).map((line) => `\n    ${line.slice(0, 200)}`).join('')
}

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
      else failures.push(`${test.status}: ${test.fullName}${reason(test)}`)
    }
  }
}

for (const failure of failures) console.log(failure)
console.log(`${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0
