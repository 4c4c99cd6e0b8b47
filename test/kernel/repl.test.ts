// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

async function loadDriver(guest: Guest): Promise<void> {
  await guest.ok(`[ -e /sys/bus/pci/drivers/pciem_test ] || insmod ${guest.driver('pciem_test')}`)
}

interface Line {
  line: string
  value: unknown
}

/** Runs lines as a script; the value of each. */
async function script(guest: Guest, lines: readonly string[]): Promise<Line[]> {
  const { stdout, stderr, status } = await guest.run(['bin/pciem', 'repl', '--json', '-'], { stdin: lines.join('\n') })
  expect({ stderr: stderr.split('\n').filter((line) => !line.startsWith('stopped at')).join('\n'), status }).toEqual({ stderr: '', status: 0 })
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Line)
}

const driverFile = '/sys/kernel/debug/pciem_test/$(ls /sys/kernel/debug/pciem_test)'

onEachGuest('the prompt', (guest) => {
  it('runs two hundred commands in order, and stops at the one that fails', async () => {
    const writes = Array.from({ length: 198 }, (_, i) => `bar0+${4 * i}.l=${i * i}`)
    const lines = await script(guest, ['create device vendor=0x1db7 device=0x7e41 bar0=4K', ...writes, 'bar dump 0 0 8'])
    expect(lines.map(({ line }) => line)).toEqual(['create device vendor=0x1db7 device=0x7e41 bar0=4K', ...writes, 'bar dump 0 0 8'])
    expect(lines.slice(1, 199).map(({ value }) => value)).toEqual(writes.map((_, i) => String(i * i)))
    const failing = ['create device vendor=0x1db7 device=0x7e41 bar0=4K', ...writes.slice(0, 100), 'expect bar0+4.l == 2', 'sleep 1000', 'bar0+0.l'].join('\n')
    const stopped = await guest.run(['bin/pciem', 'repl', '-'], { stdin: failing })
    expect(stopped.stderr).toBe('pciem: <stdin>:102: expected bar0+4.l == 2, but bar0+4.l is 0x1\n')
    expect(stopped.status).toBe(1)
    const kept = await guest.run(['bin/pciem', 'repl', '--keep-going', '-'], { stdin: failing.replace('sleep 1000', 'frobnicate') })
    expect(kept.stderr.split('\n')).toEqual([
      'pciem: <stdin>:102: expected bar0+4.l == 2, but bar0+4.l is 0x1',
      "pciem: <stdin>:103: no command 'frobnicate'; try `help`",
      'pciem: <stdin>: there were errors, the first in line 102',
      '',
    ])
    expect(kept.stdout).toMatch(/bar0\+0x0 = 0x00000000\n$/)
    expect(kept.status).toBe(1)
  })

  it('stops a driver at accesses to a model, shows where it stands, and lets it go on', async () => {
    await loadDriver(guest)
    const lines = await script(guest, [
      'create edu',
      'start --wait',
      'break mmio-read bar0.LIVENESS',
      'break mmio-write bar0.LIVENESS',
      `sh echo registers >${driverFile} &`,
      'wait break --timeout 60',
      'trace',
      'trace back',
      'continue',
      'wait break --timeout 60',
      'reply 0x77',
      'break delete all',
      'sleep 1',
      'events last 5000 bar0.LIVENESS',
      'session.halted',
    ])
    const of = (line: string) => lines.filter((one) => one.line === line).map(({ value }) => value)
    expect(of('wait break --timeout 60')).toEqual([expect.objectContaining({ kind: 'mmio-write', offset: 4 }), expect.objectContaining({ kind: 'mmio-read', offset: 4 })])
    expect(JSON.stringify(of('trace back'))).toContain('[pciem_test]')
    const events = of('events last 5000 bar0.LIVENESS')[0] as { kind: string; value: string }[]
    expect(events.find(({ kind }) => kind === 'mmio-read-completion')).toMatchObject({ value: String(0x77) })
    expect(of('session.halted')).toEqual([0])
  })

  it('runs modules with the same globals, TypeScript too, and says where they fail', async () => {
    const run = async (name: string, text: string) => {
      await guest.ok(`cat >/tmp/${name}`, { stdin: text })
      return await guest.run(['bin/pciem', 'repl', `/tmp/${name}`])
    }
    const good = await run('good.ts', `
      const width: number = 4
      await command('create device vendor=0x1db7 device=0x7e41 bar0=4K')
      bar0.write(8, width, 7n)
      expect(bar0.read(8, 4) === 7n)
      console.log(await command('bar0+8.l'))
    `)
    expect(good).toMatchObject({ stdout: '7n\n', stderr: '', status: 0 })
    const bad = await run('bad.ts', `interface A { b: number }\nconst a: A = { b: 1 }\nawait command('create device vendor=0x1db7 device=0x7e41 bar0=4K')\nsetTimeout(() => 0, 600000)\nbar0.read(a.b + 4096, 4)\n`)
    expect(bad.stderr).toMatch(/^pciem: \/tmp\/bad\.ts:5: BAR0: 4 bytes at 0x1001 lie beyond its 4096 bytes\n$/)
    expect(bad.status).toBe(1)
  })
}, { long: true })
