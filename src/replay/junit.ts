// SPDX-License-Identifier: MIT
import { exitCodes } from '../errors.js'
import type { ReplayResult } from './result.js'

/** The results as JUnit XML: a test case a replay. What gave no verdict of the driver is an error, not a failure. */
export function junitXml(results: readonly ReplayResult[]): string {
  const count = (element: string) => results.filter((result) => elementOf(result) === element).length
  const totals = `tests="${results.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`
  const time = seconds(results.reduce((sum, { milliseconds }) => sum + milliseconds, 0))
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="pciem replay" ${totals} time="${time}">`,
    `  <testsuite name="pciem replay" ${totals} time="${time}">`,
    ...results.flatMap(testCase),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function elementOf({ status, verdict }: ReplayResult): 'failure' | 'error' | 'skipped' | undefined {
  if (status === exitCodes.ok) return undefined
  if (status === exitCodes.skipped) return 'skipped'
  return status === exitCodes.failed && verdict !== 'error' ? 'failure' : 'error'
}

function testCase(result: ReplayResult): string[] {
  const { file, round, milliseconds, verdict, headline, report, kernelLog } = result
  const name = round === undefined ? file : `${file}, replay ${round}`
  const head = `    <testcase classname="pciem.replay" name="${escapeXml(name)}" file="${escapeXml(file)}" time="${seconds(milliseconds)}"`
  const element = elementOf(result)
  if (element === undefined) return [`${head}><system-out>${escapeXml(report)}</system-out></testcase>`]
  const log = kernelLog?.length ? [`      <system-err>${escapeXml(kernelLog.join('\n'))}</system-err>`] : []
  return [`${head}>`, `      <${element} type="${escapeXml(verdict)}" message="${escapeXml(headline)}">${escapeXml(report)}</${element}>`, ...log, '    </testcase>']
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3)

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text for XML and HTML, in attributes as well; what XML cannot hold at all becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]/g, '\ufffd').replace(/[&<>"']/g, (character) => entities[character] as string)
}
