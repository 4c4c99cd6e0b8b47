// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

const driver = (command: string): string => `echo ${command} >/sys/kernel/debug/pciem_test/$(basename $(readlink -f /sys/bus/pci/drivers/pciem_test/f*))`

/** The prompt's lines in order; what each gave back that gave something. */
const script = [
  'create edu',
  'register bar0+0x1100.l rc=~0',
  'register bar0+0x1104.l target=0x1100 w1s=~0',
  'register interrupt 0 bar0+0x1100 enable=0x1108 mask=0xff vector=2',
  'watch bar0+0x2010.l w',
  'start --wait',
  `sh ${driver('access w 0x1104 4 5')}`,
  'bar0+0x1100.l',
  `sh ${driver('access r 0x1100 4')}`,
  'bar0+0x1100.l',
  'register set bar0+0x1100.l 0xf0',
  'register clear bar0+0x1100.l 0x30',
  `sh { sleep 1; ${driver('access w 0x2010 4 0x77')}; } &`,
  'wait watch bar0+0x2010 --timeout 60',
  'slot.watches().map(({ offset, hits, places }) => [offset, Number(hits), places])',
  'slot.unwatch(slot.watches()[0].id)',
  'watch list',
]

onEachGuest('commands for BARs', (guest) => {
  it('describe registers that the kernel plays, and watch plain memory', async () => {
    await guest.ok(`[ -e /sys/bus/pci/drivers/pciem_test ] || insmod ${guest.driver('pciem_test')}`)
    await guest.ok(`cat >/var/tmp/bar-commands <<'END'\n${script.join('\n')}\nEND`)
    const { stdout, stderr, status } = await guest.pciem(['repl', '/var/tmp/bar-commands', '--json'])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const lines = stdout.trim().split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { line: number | string; value: any })
    const values = lines.map(({ value }) => value)
    expect(values[7]).toBe('5')
    expect(values[9]).toBe('0')
    expect(values.slice(10, 12)).toEqual(['240', '192'])
    expect(values[13]).toMatchObject({ kind: 'watch', bar: 0, width: 4 })
    expect(values[14]).toEqual([[0x2010, 1, 1]])
    expect(values[16]).toEqual([])
  })
}, { long: true })
