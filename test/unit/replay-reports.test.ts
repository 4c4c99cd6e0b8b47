// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { finalStatus, refusedStatus } from '../../src/replay/exit-status.js'
import { htmlPage } from '../../src/replay/html.js'
import { escapeXml, junitXml } from '../../src/replay/junit.js'
import { failedResult, type ReplayResult } from '../../src/replay/result.js'
import { ofShard, parseShard } from '../../src/replay/shard.js'

const good: ReplayResult = { file: 'a.pciem', verdict: 'match', status: 0, headline: 'match: 3 accesses', report: 'match: 3 accesses\n  folded: 0', milliseconds: 1500 }
const bad: ReplayResult = {
  file: 'b <&">.pciem',
  round: 2,
  verdict: 'diverged',
  status: 1,
  headline: 'divergence at event 3: driver wrote "0x1" & more',
  report: 'divergence at event 3\n    >      3 mmio-write <bar0>\n\0',
  milliseconds: 20,
}
/** What a reader of XML would have left open at the end, or where it would have stopped. */
function openElements(xml: string): string[] | string {
  const stack: string[] = []
  const token = /<\?xml[^?]*\?>|<(\/?)([\w-]+)((?: \w+="[^"<&]*(?:&(?:amp|lt|gt|quot|#39);[^"<&]*)*")*)(\/?)>|[^<&]+|&(?:amp|lt|gt|quot|#39);/y
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex
    const match = token.exec(xml)
    if (!match) return `not XML at: ${xml.slice(at, at + 40)}`
    const [, closing, name, , empty] = match
    if (name === undefined) continue
    if (closing) {
      if (stack.pop() !== name) return `</${name}> closes nothing`
    } else if (!empty) stack.push(name)
  }
  return stack
}

const results = [good, bad, failedResult('c.pciem', 70, 'the guest ended: Kernel panic - not syncing', 9, ['[ 1.0] Kernel panic']), failedResult('d.pciem', 4, 'no such device')]

describe('JUnit XML', () => {
  const xml = junitXml(results)

  test('counts what failed, what gave no verdict, and what was skipped', () => {
    expect(xml).toContain('<testsuite name="pciem replay" tests="4" failures="1" errors="1" skipped="1" time="1.529">')
    expect(xml).toContain('<failure type="diverged" message="divergence at event 3: driver wrote &quot;0x1&quot; &amp; more">')
    expect(xml).toContain('<error type="crashed" message="crashed: the guest ended: Kernel panic - not syncing">')
    expect(xml).toContain('<skipped type="skipped" message="skipped: no such device">')
    expect(xml).toContain('<system-err>[ 1.0] Kernel panic</system-err>')
  })

  test('is well formed, whatever a trace is called and a report holds', () => {
    expect(openElements(xml)).toEqual([])
    expect(xml).toContain('file="b &lt;&amp;&quot;&gt;.pciem"')
    expect(openElements('<a><b x="1 < 2"/></a>')).toBe('not XML at: <b x="1 < 2"/></a>')
  })

  test('takes what says nothing of the driver for an error, though its status is 1', () => {
    expect(junitXml([failedResult('e.pciem', 1, 'no space left on device')])).toContain('<error type="error" message="error: no space left on device">')
    expect(junitXml([failedResult('e.pciem', 1, 'the guest kernel warned', 0, undefined, 'failed')])).toContain('<failure type="failed" ')
  })

  test('has no character that XML forbids', () => {
    expect(escapeXml('a\0b\x1b[31m\tc\n')).toBe('a\ufffdb\ufffd[31m\tc\n')
  })
})

test('the page has every verdict, escapes what it quotes, and marks the place', () => {
  const page = htmlPage(results, new Date(0))
  expect(page).toContain('<h1>1 of 4 replays match</h1>')
  expect(page).toContain('<mark>    &gt;      3 mmio-write &lt;bar0&gt;</mark>')
  expect(page).not.toContain('<bar0>')
  expect(page.match(/<h2 id="r\d" class="(\w+)"/g)).toEqual(['<h2 id="r0" class="ok"', '<h2 id="r1" class="bad"', '<h2 id="r2" class="bad"', '<h2 id="r3" class="other"'])
})

describe('the exit status', () => {
  const plain = { bisect: false, crashIsBad: false }
  const result = (status: number) => [failedResult('t', status, 'why', 0, undefined, 'any')]

  test('is the first that is not 0', () => {
    expect(finalStatus(results, plain)).toBe(1)
    expect(finalStatus([good], plain)).toBe(0)
    expect(finalStatus([], plain)).toBe(0)
  })

  test.each([
    [0, 0],
    [1, 1],
    [2, 125],
    [3, 125],
    [4, 125],
    [65, 125],
    [70, 125],
    [124, 125],
  ])('%i is %i to a bisection', (status, expected) => {
    expect(finalStatus(result(status), { bisect: true, crashIsBad: false })).toBe(expected)
    expect(finalStatus(result(status), plain)).toBe(status)
  })

  test('of an error that says nothing of the driver is 125 to a bisection', () => {
    const error = [failedResult('t', 1, 'no space left on device')]
    expect(finalStatus(error, { bisect: true, crashIsBad: true })).toBe(125)
    expect(finalStatus(error, plain)).toBe(1)
  })

  test('of a crash or a hang is 1 where that is what is looked for', () => {
    for (const status of [70, 124]) for (const bisect of [true, false]) expect(finalStatus(result(status), { bisect, crashIsBad: true })).toBe(1)
    expect(finalStatus(result(65), { bisect: true, crashIsBad: true })).toBe(125)
  })

  test('of a command line that was refused, and of all that is thrown, is 125 to a bisection too', () => {
    for (const status of [1, 2, 70]) expect(refusedStatus(['replay', 'x', '--bisect', '--nonsense'], status)).toBe(125)
    expect(refusedStatus(['replay', 'x', '--bisect=true', '--nonsense'], 2)).toBe(125)
    expect(refusedStatus(['replay', 'x', '--bisect=false', '--nonsense'], 2)).toBe(2)
    expect(refusedStatus(['replay', 'x', '--nonsense'], 2)).toBe(2)
    expect(refusedStatus(['replay', 'x', '--', 'cmd', '--bisect'], 2)).toBe(2)
    expect(refusedStatus(['vm', '--bisect'], 2)).toBe(2)
  })
})

describe('shards', () => {
  const files = ['c', 'a', 'e', 'b', 'd']

  test('together have each trace once, in any order of the command line', () => {
    const shards = [1, 2, 3].map((index) => ofShard(files, { index, count: 3 }))
    expect(shards).toEqual([['a', 'd'], ['b', 'e'], ['c']])
    expect([1, 2, 3].map((index) => ofShard([...files].reverse(), { index, count: 3 }))).toEqual(shards)
  })

  test.each(['0/3', '4/3', '1', '1/0', 'a/b', '-1/3'])('%s is refused', (text) => {
    expect(() => parseShard(text)).toThrow(/give the shard and how many there are/)
  })
})
