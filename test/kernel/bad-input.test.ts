// SPDX-License-Identifier: MIT
// Wrong input where a device, the module or a permission is concerned; test/unit/cli-bad-input.test.ts has
// what needs none of them. What is refused does not depend on the kernel or on the number of CPUs, so the
// longer lists run in the guests with two.
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { commands } from '../../src/repl/commands/index.js'
import { type Guest, onEachGuest } from '../harness/guest.js'

const golden = join(projectRoot, 'test/trace/golden-v1.pciem')
const trace = '/var/tmp/bad-input.pciem'
const noDevices = 'ls /sys/bus/pci/devices | grep -c "^f" || true'

/** Nothing on stdout, one line of this form on stderr, and the status. */
async function refused(guest: Guest, command: string[], status: number, message: RegExp): Promise<void> {
  const ended = await guest.run(command)
  expect(ended.stderr).toMatch(message)
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
  expect({ status: ended.status, stdout: ended.stdout }).toEqual({ status, stdout: '' })
}

const pciem = (...args: string[]): string[] => ['bin/pciem', ...args]
const asNobody = (...args: string[]): string[] => ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', ...pciem(...args)]

// Each on an edu device that no driver has seen yet: BAR0 of 64 KiB, 8 vectors.
const wrongLines: [string, string][] = [
  ['bar0+0x10000.l', 'BAR0: 4 bytes at 0x10000 lie beyond its 65536 bytes'],
  ['bar0+0xfffe.l=1', 'BAR0: 4 bytes at 0xfffe lie beyond its 65536 bytes'],
  ['bar0+0xffff_ffff_ffff_ffff.b', 'offset 0xffff_ffff_ffff_ffff is out of range'],
  ['bar0+0x10.x', "'bar0+0x10.x' is not a BAR register; write bar0+0x14.l, bar0.CSTS or bar0+0x14.l=1"],
  ['bar0+0x10.l=none', "'none' is not a number; write 4096, 0x1000, 0b101 or 4K"],
  ['bar0.NOSUCH', "no register 'NOSUCH' in BAR0's map; write bar0+OFFSET, or load a map with `registers load`"],
  ['bar0.LIVNESS', "no register 'LIVNESS' in BAR0's map; did you mean bar0.LIVENESS?"],
  ['bar0.liveness', "no register 'liveness' in BAR0's map; did you mean bar0.LIVENESS?"],
  ['bar3+0', 'this function has no BAR3; it has BAR0'],
  ['bar dump 0 0xfff0 17', 'BAR0 ends at 0x10000'],
  ['bar0.read(0, 3)', 'BAR0: an access has 1, 2, 4 or 8 bytes, not 3'],
  ['bar0.read(-4, 4)', 'BAR0: 4 bytes at -0x4 lie beyond its 65536 bytes'],
  ['bar0.write(0, 1, 256n)', 'BAR0: 256 does not fit into 1 bytes'],
  ['cfg COMMAND.q', "'COMMAND.q' is not a config register; write COMMAND.w, CAP_MSIX+2.w or 0x40.l=1"],
  ['cfg 0x41.w', 'register 0x41 cannot be accessed with 2 bytes: config space is 4096 bytes, accesses are aligned'],
  ['cfg 0x1000.b', 'register 0x1000 cannot be accessed with 1 bytes: config space is 4096 bytes, accesses are aligned'],
  ['cfg NOSUCH', "no register 'NOSUCH' in this config space; names are setpci's (COMMAND, CAP_MSIX, …)"],
  ['cfg COMAND', "no register 'COMAND' in this config space; did you mean COMMAND?"],
  ['irq 8', 'vector 8: this function has no such vector'],
  ['irq 5000', 'vector 5000: vectors are 0 to 2047'],
  ['irq -1', 'vector -1 is out of range'],
  ['dma read 0x10000000', 'how many bytes? e.g. `dma read 0x10000000 64`'],
  ['dma read 0x10000000 64', 'ANY'],
  ['dma write 0x10000000 0x100', '0x100 is more than a byte'],
  ['unbind', 'ANY has no driver bound'],
  ['reset now', "reset: 'now'? usage: reset"],
  ['rescan now', "rescan: 'now'? usage: rescan"],
  ['bind no_such_driver', "no PCI driver 'no_such_driver' is loaded; `modprobe no_such_driver` first"],
  ['use', 'which device? e.g. `use dev1`; `devices` lists them'],
  ['use dev7', "no device 'dev7'; `devices` lists them"],
  ['create nosuch', "no model 'nosuch'; there are ANY, or give a file"],
  ['create device vendor=1 device=2 bar0=3', 'ANY'],
  ['create device vendor=1 device=2 msi=3', 'msi=3: MSI has 1, 2, 4, 8, 16 or 32 vectors'],
  ['models nosuch', "no model 'nosuch'; there are ANY, or give a file"],
  ['start --wiat', 'start has no option --wiat; did you mean --wait?'],
  ['devices none', "devices: 'none'? usage: devices · devices all"],
  ['remove dev7', "no device 'dev7'; `devices` lists them"],
  ['mark', 'which text? e.g. `mark before the reset`'],
  ['registers load /no/such/map.json', 'cannot read the register map /no/such/map.json: ANY'],
  ['registers laod map.json', "registers laod: 'map.json'? did you mean 'load'?"],
  ['register bar0+0x10000.l rw=1', 'ANY'],
  ['program bar0+0x10 read /no/such/program', 'cannot read the program /no/such/program: ANY'],
  ['line send hello', 'this device has no line; `create uart` makes one that has'],
  ['register bar0+0x10 wr=1', "register bar0+0x10: 'wr=1'? did you mean 'rw='?"],
  ['watch bar0+0x10 x', "watch bar0+0x10: 'x'? did you mean 'w'?"],
  ['unwatch 9', 'ANY'],
  ['p2p allow dev7', "no device 'dev7'; `devices` lists them"],
  ['p2p raed dev0:bar0+0 4', "p2p: 'raed'? did you mean 'read'?"],
  ['fault mmio-read flop=1', "ANY; did you mean 'flip='?"],
  ['fault irq 0', 'usage: ANY'],
  ['aer fatal NoSuch', 'ANY'],
  ['lspci --no-such', 'lspci has no option --no-such; usage: lspci [ARGUMENT…]'],
  ['dmesg many', "'many' is not a number; write 4096, 0x1000, 0b101 or 4K"],
  ['answer bar0+8.l', 'with what? e.g. `answer bar0+8.l 0xdeadbeef`'],
  ['answer bar0+0x10000.l 1', 'bar0+0x10000: BAR0 ends at 0x10000'],
  ['answer delete 9', 'no number 9 here; there is none'],
  ['break bar0+0x10000', 'bar0+0x10000: BAR0 ends at 0x10000'],
  ['break bar9', "'bar9' is not a place; write bar0+0x10, bar0+0x10..0x1f or bar0.NAME"],
  ['continue', 'no driver stands at a break; `break PLACE` sets one'],
  ['continue now', "continue: 'now'? usage: continue [all]"],
  ['reply 1', 'no driver stands at a break; `break PLACE` sets one'],
  ['trace back', 'no driver stands at a break; `break PLACE` sets one'],
  ['events mmio-wirte', "'mmio-wirte' is neither a kind of event (did you mean 'mmio-write'?) nor a place (bar0+0x1000..0x1fff, bar0.NAME)"],
  ['events pause', 'the live view is off; `events on` first'],
  ['wait irq --timeout 0.1', 'no such event within 0.1 s'],
  ['help nosuch', "no command 'nosuch'; try `help`"],
  ['expect bar0+0x10.l == 1', 'expected bar0+0x10.l == 1, but bar0+0x10.l is ANY'],
  ['sleep long', 'how long? e.g. `sleep 0.5`'],
  ['sh exit 7', '`exit 7` exited with 7'],
  ['quit now', "quit: 'now'? usage: quit"],
  ['record sotp', "record: 'sotp'? did you mean 'stop'?"],
  ['replay', 'which trace? e.g. `replay nvme.pciem`'],
  ['replay /no/such.pciem', 'the replay ended with status 2'],
  ['record stop', 'not recording; `record start FILE` first'],
  ['record start /no/such/folder/t.pciem', 'cannot create /no/such/folder/t.pciem: its folder does not exist; make it first'],
  [`record start ${golden}`, `${golden} exists already; choose another name, or overwrite it with --force`],
]

const literal = (text: string): string => text.split('ANY').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')

onEachGuest('bad input', (guest) => {
  it('without permission, what needs a device says so', async () => {
    const denied = /^pciem: (-c:1: )?\/dev\/pciem: permission denied: run as root$/m
    await refused(guest, asNobody('run', 'edu', '--', 'true'), 4, denied)
    await refused(guest, asNobody('replay', golden), 4, denied)
    await refused(guest, asNobody('record', '-o', '/tmp/t.pciem'), 4, denied)
    await refused(guest, asNobody('-c', 'create edu'), 1, denied)
    expect((await guest.run(asNobody('doctor'))).stdout).toMatch(/^ {2}MISS {2}\/dev\/pciem +no permission.*\n +mend: run pciem as root/m)
  })

  it('without the module, what needs a device says how to load it', async () => {
    const absent = /^pciem: (-c:1: )?\/dev\/pciem: no such device: is the module loaded\? run `make load`, or work inside `bin\/pciem vm`$/m
    expect(await guest.ok(pciem('doctor'))).toMatch(/^This machine: ready$/m)
    await guest.ok('rmmod pciem')
    try {
      await refused(guest, pciem('run', 'edu', '--', 'true'), 4, absent)
      await refused(guest, pciem('replay', golden), 4, absent)
      await refused(guest, pciem('-c', 'create edu'), 1, absent)
      expect((await guest.run(pciem('doctor'))).stdout).toMatch(/^This machine: not ready\n[^]*^ {2}MISS {2}module loaded +no\n +mend: make load$/m)
    } finally {
      await guest.ok(`insmod build/kernel-${guest.release}/pciem.ko`)
    }
  })

  it('an existing trace is kept, the command not run, and no device left', async () => {
    await guest.ok(`echo precious >${trace}; modprobe nvme`)
    await refused(guest, pciem('run', 'nvme', '--record', trace, '--', 'echo', 'reached'), 2, /^pciem: \S+ exists already; .*--force$/m)
    expect(await guest.ok(`cat ${trace}; rm ${trace}; ${noDevices}`)).toBe('precious\n0\n')
  })

  if (guest.point.smp === 1) return

  it('is tried of every command', () => {
    const tried = new Set(wrongLines.map(([line]) => line.split(/[ +.]/, 1)[0]))
    for (const name of commands.keys()) expect(tried.has(name) || (name === 'bar' && tried.has('bar0')), name).toBe(true)
  })

  let refusals: ({ message: string; status: number } | null)[] | undefined
  it.each(wrongLines.map(([line, message], index) => ({ line, message, index })))('the prompt refuses `$line`', async ({ message, index }) => {
    const stdin = JSON.stringify(wrongLines.map(([line]) => line))
    refusals ??= JSON.parse(await guest.ok(['node', 'test/kernel/guest/bad-input-lines.mjs'], { stdin })) as NonNullable<typeof refusals>
    expect(refusals[index]).toEqual({ message: expect.stringMatching(new RegExp(`^-c:1: ${literal(message)}$`)), status: message.startsWith('no such event') ? 124 : 1 })
  })

  it('a script that fails takes its devices along', async () => {
    const script = 'create nvme\nstart --wait\ncreate edu\nbar0+0x10000.l\nsh echo reached\n'
    const { status, stdout, stderr } = await guest.run(pciem('-'), { stdin: script })
    expect(stderr).toBe('pciem: <stdin>:4: BAR0: 4 bytes at 0x10000 lie beyond its 65536 bytes\n')
    expect(stdout).not.toContain('reached')
    expect(status).toBe(1)
    expect(await guest.ok(noDevices)).toBe('0\n')
  })

  it('a module file that is missing, or is no driver, is not replayed with', async () => {
    await refused(guest, pciem('replay', golden, '--kernel-mismatch', 'ignore', '--driver', '/no/such/driver.ko'), 2, /^pciem: \/no\/such\/driver\.ko does not exist; build the driver's module first$/m)
    const loaded = `build/kernel-${guest.release}/pciem.ko`
    await refused(guest, pciem('replay', golden, '--kernel-mismatch', 'ignore', '--driver', loaded), 4, /^pciem: module pciem is loaded already; `rmmod pciem` first/)
  })
})
