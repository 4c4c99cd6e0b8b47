// SPDX-License-Identifier: MIT
//
// guest.js REQUEST TRACE...: inside the guest, replays one mutated trace after the other and says, a line of JSON each, what is
// about to be done and what came of it. The host knows by the last line which trace it was that broke the kernel.
import { describeError } from '../../errors.js'
import { Kmsg, kmsgText } from '../../kmsg.js'
import { kernelTrouble } from '../kernel-trouble.js'
import { replayHere, type ReplayRequest } from '../local.js'
import type { ReplayResult } from '../result.js'

export type GuestReport =
  | { begin: number }
  /** it is not over, and this program is not stuck in the kernel */
  | { alive: number }
  /** what it was is known; the driver may take its time with the device */
  | { verdict: number }
  /** the driver has let go of the device; `trouble` is what the kernel said meanwhile */
  | { end: number; status: number; headline: string; fault?: string; trouble?: { line: string; kernelLog: string[] } }
  | { end: number; error: string }

const ALIVE_MS = 10_000

const [request = '{}', ...traces] = process.argv.slice(2)
const say = (report: GuestReport): void => void process.stdout.write(`${JSON.stringify(report)}\n`)

for (const [number, trace] of traces.entries()) {
  say({ begin: number })
  const life = setInterval(() => say({ alive: number }), ALIVE_MS)
  const log = new Kmsg()
  try {
    let result: ReplayResult | undefined
    await replayHere(trace, JSON.parse(request) as ReplayRequest, {
      quiet: true,
      onResult: (found) => {
        result = found
        say({ verdict: number })
      },
    })
    const { status, headline, divergence } = result as unknown as ReplayResult
    const { kind, fault } = (divergence ?? {}) as { kind?: string; fault?: string }
    const kernelLog = log.read().filter(({ user }) => !user).map(kmsgText)
    const line = kernelTrouble(kernelLog)
    say({ end: number, status, headline, ...(fault !== undefined && kind?.startsWith('dma') && { fault }), ...(line !== undefined && { trouble: { line, kernelLog } }) })
    if (line !== undefined) break
  } catch (error) {
    say({ end: number, error: describeError(error) })
  } finally {
    clearInterval(life)
    log.close()
  }
}
