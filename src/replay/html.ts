// SPDX-License-Identifier: MIT
import { exitCodes } from '../errors.js'
import { escapeXml } from './junit.js'
import type { ReplayResult } from './result.js'

const style = `
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1c1c1c; background: #fff }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
  pre { overflow-x: auto; padding: .8rem; background: #f6f6f4; border: 1px solid #ddd; font-size: 12.5px; line-height: 1.45 }
  pre mark { background: #ffe8a3; display: inline-block; width: 100% }
  .ok { color: #17692c } .bad { color: #a3150f } .other { color: #7a5200 }
  @media (prefers-color-scheme: dark) {
    body { background: #16171a; color: #e4e4e2 } pre { background: #1f2126; border-color: #3a3d44 } th, td { border-color: #3a3d44 }
    pre mark { background: #574400; color: inherit } .ok { color: #7fd493 } .bad { color: #ff8f87 } .other { color: #e5bd6a }
  }`

/** The results as one page that needs no other file. */
export function htmlPage(results: readonly ReplayResult[], created = new Date()): string {
  const good = results.filter(({ status }) => status === exitCodes.ok).length
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pciem replay: ${good} of ${results.length} match</title><style>${style}\n</style></head>`,
    '<body>',
    `<h1>${good} of ${results.length} replays match</h1>`,
    `<p>${escapeXml(created.toISOString())}</p>`,
    '<table>',
    '<tr><th>trace</th><th>verdict</th><th>seconds</th><th></th></tr>',
    ...results.map(row),
    '</table>',
    ...results.map(section),
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

const colour = ({ status }: ReplayResult): string => (status === exitCodes.ok ? 'ok' : status === exitCodes.failed || status === exitCodes.crashed ? 'bad' : 'other')
const title = ({ file, round }: ReplayResult): string => escapeXml(round === undefined ? file : `${file}, replay ${round}`)

function row(result: ReplayResult, index: number): string {
  const { verdict, milliseconds, headline } = result
  const seconds = (milliseconds / 1000).toFixed(1)
  return `<tr><td><a href="#r${index}">${title(result)}</a></td><td class="${colour(result)}">${escapeXml(verdict)}</td><td>${seconds}</td><td>${escapeXml(headline)}</td></tr>`
}

function section(result: ReplayResult, index: number): string {
  const lines = result.report.split('\n').map((line) => (/^ *> /.test(line) ? `<mark>${escapeXml(line)}</mark>` : escapeXml(line)))
  const log = result.kernelLog?.length ? `\n<h3>The kernel's log</h3>\n<pre>${escapeXml(result.kernelLog.join('\n'))}</pre>` : ''
  return `<h2 id="r${index}" class="${colour(result)}">${title(result)}</h2>\n<pre>${lines.join('\n')}</pre>${log}`
}
