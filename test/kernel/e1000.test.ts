// SPDX-License-Identifier: MIT
// The unmodified e1000 driver, on two cards with a cable between them.
import { expect, it } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

const MIB = 2 ** 20
const COUNT = 10 * MIB
const SOME = MIB / 4

/**
 * Two seconds after its link came up the driver looks again, at its statistics (from 0x4000 on) and its PHY (MDIC), and the
 * recordings end before. A replay in a guest that stands still meanwhile diverges there.
 */
const lookedAgain = /divergence at event \d+: driver (?:read \d bytes at|wrote \w+ to) BAR0\+0x(?:4000|20)\b/

onEachGuest('e1000', (guest) => {
  const run = (options: string[], ...command: string[]) => guest.pciem(['run', 'e1000', ...options, '--', ...command])

  const claims = (lines: string[]): void => {
    expect(lines[0]).toBe('speed 1000 full')
    expect(lines[1]).toMatch(/^5 packets transmitted, 5 received, 0% packet loss/)
    const sums = lines.slice(2, 6).map((line) => line.split(' '))
    expect(sums.map(([what, count]) => `${what} ${count}`)).toEqual([`send ${COUNT}`, `receive ${COUNT}`, `send ${SOME}`, `receive ${SOME}`])
    for (const at of [0, 2]) expect(sums[at]![2]).toBe(sums[at + 1]![2])
    const counters = new Map(lines.slice(6).map((line) => [line.split(' ')[0]!, line.split(' ').slice(1).map(Number)]))
    const [sentLeft, sentRight] = counters.get('tx_packets')!
    expect(counters.get('rx_packets')).toEqual([sentRight, sentLeft])
    expect(sentLeft).toBeGreaterThan(COUNT / 1500)
    for (const name of ['rx_errors', 'tx_errors', 'rx_dropped', 'rx_missed_errors', 'rx_crc_errors']) expect([name, ...counters.get(name)!]).toEqual([name, 0, 0])
  }

  it('has a link, answers pings, and carries 10 MiB by TCP, and some back, with nothing lost', async () => {
    const { stdout, stderr, status } = await run([], 'sh', 'test/kernel/guest/e1000.sh', String(COUNT), String(SOME))
    expect(stderr).toBe('')
    expect(status).toBe(0)
    claims(stdout.trim().split('\n'))
  })

  it('does so with both cards on one interrupt line', async () => {
    const { stdout, status } = await run(['shared=yes'], 'sh', 'test/kernel/guest/e1000.sh', String(SOME), String(SOME))
    expect(status).toBe(0)
    expect(stdout).toMatch(/^5 packets transmitted, 5 received, 0% packet loss/m)
    const sums = [...stdout.matchAll(/^(?:send|receive) 262144 (\w+)$/gm)].map(([, sum]) => sum)
    expect(sums).toHaveLength(4)
    expect(new Set([sums.slice(0, 2), sums.slice(2)].map((two) => new Set(two).size))).toEqual(new Set([1]))
  })

  it('lets the driver be unbound and bound again, and unloaded', async () => {
    const script = [
      'driver=/sys/bus/pci/drivers/e1000; set -e',
      'for i in 1 2; do',
      '  for bdf in $PCIEM_BDF ${PCIEM_BDF%.0}.1; do echo $bdf >$driver/unbind; done',
      '  for bdf in $PCIEM_BDF ${PCIEM_BDF%.0}.1; do echo $bdf >$driver/bind; done',
      'done',
      'cat /sys/bus/pci/devices/${PCIEM_BDF%.0}.*/net/*/address',
      'rmmod e1000; [ -e /sys/module/e1000 ] || echo unloaded',
      'modprobe e1000; ls /sys/bus/pci/devices/${PCIEM_BDF%.0}.*/net | grep -c .',
    ]
    const { stdout, status } = await run(['mac=02:00:00:00:00:10'], 'sh', '-c', script.join('\n'))
    expect(stdout).toMatch(/^02:00:00:00:00:10\n02:00:00:00:00:11\nunloaded\n/)
    expect(status).toBe(0)
  })

  it('is pulled out under traffic, and its model goes quietly', async () => {
    expect(await guest.ok(['node', 'test/kernel/guest/e1000-pulled.mjs', '3'])).toBe('pulled out 3 times\n')
  })

  /** Records it while its link comes up; once more where that took so long that the driver may have looked at its link again. */
  async function recordLink(trace: string): Promise<void> {
    for (let tries = 5, seconds = Infinity; tries > 0 && seconds > 1.5; tries--) {
      const { stdout, stderr, status } = await run(['ports=1', '--force', '--record', trace], '/usr/bin/python3', 'test/kernel/guest/link-up.py')
      expect(stderr).toBe('')
      expect(status).toBe(0)
      seconds = Number(/ for ([\d.]+) s,/.exec(stdout)![1])
    }
  }

  it('can be recorded while its link comes up, and replayed', async () => {
    const trace = '/var/tmp/e1000.pciem'
    await recordLink(trace)
    expect(await guest.pciem(['trace', 'verify', trace])).toMatchObject({ status: 0 })
    let replay = await guest.pciem(['replay', trace])
    if (lookedAgain.test(replay.stdout)) replay = await guest.pciem(['replay', trace])
    expect(replay.stdout).toMatch(/^match: /m)
    expect(replay.status).toBe(0)
    await guest.ok(`rm ${trace}`)
  })

  it('does the same in each replay of the recording in traces/', async () => {
    const times = guest.point.smp === 1 ? 20 : 1
    const { stdout, status } = await guest.pciem(['replay', `traces/e1000-${guest.point.kernel}.pciem`, '--times', `${times}`], { timeout: 500_000 })
    expect(stdout.match(/^match: |: match: /gm)).toHaveLength(times)
    expect(status).toBe(0)
  })
})
