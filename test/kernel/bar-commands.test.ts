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
  'wait watch bar0+0x2010 --timeout 60 --seen',
  'slot.watches().map(({ offset, hits, places }) => [offset, Number(hits), places])',
  'slot.unwatch(slot.watches()[0].id)',
  'watch list',
  'register indexed 0 bar0+0x1200.l array=0x1300 bytes=2 count=4 select=0xff0000 data=0xffff command=0x3000000 read=0x1000000 write=0x2000000 done=0x10000000',
  `sh ${driver('access w 0x1200 4 0x2021234')}`,
  'bar0+0x1304.w',
  'bar0+0x1200.l',
  'register interrupt 1 bar0+0x1110.l vector=intx',
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
    expect(values.slice(19, 21)).toEqual(['4660', String(0x12021234)])
    expect(values[21]).toMatchObject({ vector: 'intx', status: 0x1110 })
  })
}, { long: true })
