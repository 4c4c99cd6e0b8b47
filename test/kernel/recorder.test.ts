// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TraceEvent } from '../../src/trace/event.js'
import { textOf } from '../../src/trace/format.js'
import { TraceReader } from '../../src/trace/reader.js'
import { recoverTrace } from '../../src/trace/recover.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { projectRoot } from '../../src/paths.js'
import { driverAccesses } from '../harness/driver-accesses.js'
import { onEachGuest } from '../harness/guest.js'

const read = 'dd if=$PCIEM_BLOCK of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'
const untilBegun = (path: string) => `until [ -s ${path} ]; do sleep 0.1; done; sleep 1`

// One device serves all tests, in their order; the last one kills its owner. Traces are in the
// shared folder, and read here: starting Node in an emulated guest takes seconds.
onEachGuest('pciem record', (guest) => {
  const folder = join(projectRoot, 'build', `test-recorder-${guest.point.kernel}-${guest.point.smp}`)
  const path = (name: string) => join(folder, `${name}.pciem`)

  /** A shell script in which $PCIEM_BLOCK is the disk of another process's device, $owner that process, and $T the folder. */
  const script = (...lines: string[]): string[] => ['sh', '-c', ['set -u', '. /var/tmp/owner', `T=${folder}`, 'P=bin/pciem', ...lines].join('\n')]

  function look(name: string) {
    const reader = TraceReader.open(path(name))
    const verdict = verifyTrace(reader)
    const events: TraceEvent[] = [...reader.events()].map((event) => ({ ...event }))
    const { header, totals } = reader
    const notes = reader.notes()
    reader.close()
    const marks = events.filter(({ kind }) => kind === 'mark').map(textOf)
    return { verdict, whole: isWhole(verdict), events, marks, header, totals, notes }
  }

  /** How many transactions a trace says it lost: each number of the stream is either there, or counted where it is missing. */
  function accountOf(name: string): bigint {
    const { verdict, events, totals } = look(name)
    const lost = events.filter(({ kind }) => kind === 'lost').reduce((sum, { value }) => sum + value, 0n)
    expect(verdict).toMatchObject({ complete: true, unexplained: 0n, lost })
    expect(totals!.lost).toBe(lost)
    const numbered = events.filter(({ kind }) => kind !== 'lost' && kind !== 'mark')
    const seen = numbered.reduce((sum, { flags }) => sum + (flags & 0x8000 ? 2n : 1n), 0n)
    expect(numbered.at(-1)!.seq + (numbered.at(-1)!.flags & 0x8000 ? 2n : 1n) - numbered[0]!.seq).toBe(seen + lost)
    return lost
  }

  beforeAll(async () => {
    execFileSync('make', ['-s', '-C', join(projectRoot, 'test/cards'), `OUT=${join(projectRoot, 'build/cards')}`])
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const lines = [
      'rm -f /var/tmp/ready',
      'setsid bin/pciem run nvme size=64M --json >/var/tmp/ready 2>/var/tmp/owner.log & owner=$!',
      'until [ -s /var/tmp/ready ]; do kill -0 $owner || exit 1; sleep 0.1; done',
      'block=$(sed -n \'s/.*"block":"\\([^"]*\\)".*/\\1/p\' /var/tmp/ready)',
      'bdf=$(sed -n \'s/.*"bdf":"\\([^"]*\\)".*/\\1/p\' /var/tmp/ready)',
      'echo "export owner=$owner PCIEM_BLOCK=$block PCIEM_BDF=$bdf" >/var/tmp/owner',
    ]
    await guest.ok(['sh', '-c', lines.join('\n')])
  })

  afterAll(async () => {
    await guest.run(script('kill -TERM $owner 2>/dev/null; for i in $(seq 300); do [ -e /sys/bus/pci/devices/$PCIEM_BDF ] || exit 0; sleep 0.1; done'))
  })

  if (guest.point.smp === 1) {
    it('on one CPU, with direct I/O at depth 1, made twice has the same driver accesses in the same order, with the same IOVAs', async () => {
      const io = 'dd if=/dev/zero of=$PCIEM_BLOCK bs=4k count=8 oflag=direct 2>/dev/null; dd if=$PCIEM_BLOCK of=/dev/null bs=4k count=8 iflag=direct 2>/dev/null'
      for (const name of ['x', 'y']) await guest.ok(script(`$P run nvme size=64M --record $T/${name}.pciem -- sh -c '${io}'`))
      const [first, second] = ['x', 'y'].map((name) => driverAccesses(path(name)))
      expect(first!.length).toBeGreaterThan(200)
      expect(second).toEqual(first)
    })
  }

  it("records what a command makes of another process's device, and exits with its status", async () => {
    const { status, stderr } = await guest.run(script(`$P record -o $T/a.pciem $PCIEM_BDF -- sh -c '${read}; exit 7'`))
    expect(stderr).toMatch(/a\.pciem: \d+ events, .*, lost 0, .*, ended: stopped/)
    expect(status).toBe(7)
    const { whole, header, totals, marks } = look('a')
    expect(whole).toBe(true)
    expect(header.devices[0]!.functions[0]!.driver!.name).toBe('nvme')
    expect(totals!.dataBytes).toBeGreaterThan(1 << 20)
    expect(marks).toEqual(['cmd-start', 'cmd-exit 7'])
  })

  it('begins with how the device stands: its masks, policies, registers and mappings', () => {
    const { header, events } = look('a')
    const [fn] = header.devices[0]!.functions
    const { snapshot } = header.devices[0]!
    const config = (plane: 'value' | 'writable') => new DataView(fn!.config[plane].buffer)
    expect(config('value').getUint16(4, true) & 6).toBe(6)
    expect(config('writable').getUint16(4, true) & 6).toBe(6)
    expect(config('writable').getUint32(0x10, true)).toBe(~(fn!.bars[0]!.size - 1) >>> 0)
    expect(fn!.bars[0]!.ranges.some(({ report }) => report !== 'none')).toBe(true)
    expect(snapshot!.mappings.length).toBeGreaterThan(0)
    // What the device reads first is a command, from a queue that had been mapped long before.
    const first = events.find(({ kind }) => kind === 'dma-read')!
    expect(snapshot!.mappings.some(({ iova, length }) => first.addr >= iova && first.addr < iova + length)).toBe(true)
    expect(snapshot!.memory.every(({ bytes }) => bytes.some((byte) => byte !== 0))).toBe(true)
  })

  it('says which kernel, driver and module it was, and who did what', () => {
    const { header, notes, events } = look('a')
    expect(header.kernel).toMatchObject({ release: guest.release, cpus: guest.point.smp })
    expect(header.kernel.cmdline).toMatch(/console=/)
    expect(header.command!.slice(0, 2)).toEqual(['sh', '-c'])
    expect(header.module!.buildId).toMatch(/^[0-9a-f]{40}$/)
    const { srcversion, buildId, parameters } = header.devices[0]!.functions[0]!.driver!
    expect(srcversion).toMatch(/^[0-9A-F]{23,24}$/)
    expect(buildId).toMatch(/^[0-9a-f]{40}$/)
    expect(parameters!.poll_queues).toBe('0')
    const names = new Map(notes.comms.map(({ pid, comm }) => [pid, comm]))
    // Of a process that ended before the recorder came to it, nobody knows the name.
    expect([...names.values()]).toContain('node')
    expect(events.filter(({ pid }) => names.has(pid)).length).toBeGreaterThan(events.length / 4)
  })

  it("records several devices into one trace, a C card's too, each as it stands", async () => {
    const lines = [
      'rm -f /var/tmp/slot',
      'build/cards/live >/var/tmp/slot & card=$!',
      'until [ -s /var/tmp/slot ]; do kill -0 $card || exit 1; sleep 0.1; done; slot=$(cat /var/tmp/slot)',
      'card_bdf=$(cd /sys/bus/pci/devices; grep -lx 0x1db7 */vendor | cut -d/ -f1 | while read -r bdf; do grep -qx 0x0e10 $bdf/device && echo $bdf; done)',
      `$P record -o $T/m.pciem --all -- sh -c "${read}; cat /sys/bus/pci/devices/$card_bdf/config >/dev/null"; status=$?`,
      'kill $card; wait $card; echo "slot $slot"; exit $status',
    ]
    const stdout = await guest.ok(script(...lines))
    const slot = Number(/^slot (\d+)$/m.exec(stdout)![1])
    const { whole, events, header } = look('m')
    expect(whole).toBe(true)
    expect(header.devices.length).toBe(2)
    const card = header.devices.find((device) => device.slot === slot)!
    expect(card.functions[0]!.bars[0]!.ranges).toEqual([
      { offset: 0, length: 0x2000, policy: 'store', report: 'none', store: true },
      { offset: 0x2000, length: 0x1000, policy: 'sync', report: 'writes', store: true },
      { offset: 0x3000, length: 0xd000, policy: 'store', report: 'none', store: true },
    ])
    expect(card.functions[0]!.bars.map(({ index, size }) => [index, size])).toEqual([[0, 0x10000], [6, 0x1000]])
    const left = card.snapshot!.memory.find(({ offset }) => offset === 0x3000)!
    expect(Buffer.from(left.bytes.subarray(0, 16)).toString()).toBe('left by the card')
    expect(events.filter((event) => event.slot === slot && event.kind === 'cfg-read').length).toBeGreaterThan(15)
    expect(events.filter((event) => event.slot !== slot && event.kind === 'dma-write').length).toBeGreaterThan(15)
    expect(events.every(({ time, kind }, i) => i === 0 || kind === 'mark' || events[i - 1]!.kind === 'mark' || time >= events[i - 1]!.time)).toBe(true)
  })

  it("records a C card that is created later from its first transaction on, as it was described, and its driver's probe", async () => {
    const { status, stderr } = await guest.run(script('$P record --next -o $T/n.pciem -- sh -c "build/cards/live >$T/slot & until [ -s $T/slot ] && [ -s $T/n.pciem ]; do sleep 0.1; done; sleep 1; kill \\$!; wait; exit 5"'))
    expect(stderr).toMatch(/n\.pciem: \d+ events, .*, lost 0, .*, ended: removed/)
    expect(status).toBe(5)
    const { whole, header, events, marks } = look('n')
    expect(whole).toBe(true)
    expect(marks[0]).toBe('owner-start')
    expect(header.owner!.slice(0, 2)).toEqual(['sh', '-c'])
    const numbered = events.filter(({ kind }) => kind !== 'mark')
    expect(numbered[0]).toMatchObject({ seq: 1n, kind: 'cfg-read' })
    expect(numbered.some(({ kind }) => kind === 'remove')).toBe(true)
    const [fn] = header.devices[0]!.functions
    const config = new DataView(fn!.config.value.buffer)
    expect([config.getUint16(0, true), config.getUint16(2, true)]).toEqual([0x1db7, 0x0e10])
    // Nobody had given it an address, nor let it decode one: that comes in the events.
    expect([config.getUint32(0x10, true) & ~0xf, config.getUint16(4, true)]).toEqual([0, 0])
    expect(numbered.some(({ kind, addr }) => kind === 'cfg-write' && addr === 0x10n)).toBe(true)
    expect(fn!.bars[0]!.ranges.map(({ policy }) => policy)).toContain('sync')
    expect(header.devices[0]!.snapshot!.mappings).toEqual([])
  })

  it('records from the creation on what can be replayed: its owner is not run again, what works with it goes behind --', async () => {
    await guest.load('pciem_test')
    const write = "sh -c 'echo access w 0x04 4 1 >/sys/kernel/debug/pciem_test/$PCIEM_BDF'"
    const lines = [`$P record --next -o $T/k.pciem -- $P run edu -- ${write}`, '$P replay $T/k.pciem', `$P replay $T/k.pciem -- ${write}`]
    const { status, stdout } = await guest.run(script('set -e', ...lines))
    const [probe, whole] = [...stdout.matchAll(/^match: (\d+) accesses as recorded/gm)].map(([, count]) => Number(count))
    expect(whole).toBeGreaterThan(probe!)
    expect(status).toBe(0)
  })

  it('says that no device was created, and leaves no trace of it', async () => {
    const { status, stderr } = await guest.run(script('$P record --next -o $T/none.pciem -- true; status=$?; [ -e $T/none.pciem ] && exit 9; exit $status'))
    expect(stderr).toMatch(/^pciem: no device has been created meanwhile/m)
    expect(status).toBe(1)
  })

  it('does not overwrite a trace', async () => {
    const { status, stderr } = await guest.run(script('echo precious >$T/p; $P record -o $T/p -- true; status=$?; grep -q precious $T/p || exit 9; exit $status'))
    expect(stderr).toMatch(/^pciem: .*\/p exists already; .*--force/)
    expect(status).toBe(2)
  })

  it('ends the trace on SIGTERM with what happened until then; SIGUSR1 puts a mark, the kernel log is in it', async () => {
    const lines = [
      '$P record -o $T/b.pciem --filter mmio,irq & rec=$!',
      untilBegun('$T/b.pciem'),
      read,
      'kill -USR1 $rec; echo "pciem test says hello" >/dev/kmsg; sleep 0.5',
      'kill -TERM $rec; wait $rec',
    ]
    expect((await guest.run(script(...lines))).status).toBe(0)
    const { verdict, events, marks, header, notes, totals } = look('b')
    expect(totals!.reason).toBe('SIGTERM')
    expect(verdict).toMatchObject({ complete: true, lost: 0n, unexplained: 0n })
    expect(marks).toEqual(['SIGUSR1 1'])
    expect(notes.log.map(({ text }) => text)).toContain('pciem test says hello')
    expect(header.partial).toEqual(['recorded with --filter mmio,irq'])
    expect(new Set(events.map(({ kind }) => kind.replace(/-.*/, '')))).toEqual(new Set(['mmio', 'irq', 'mark']))
  })

  it('keeps the last events in memory, and writes them at a trigger', async () => {
    const lines = [
      '$P record -o $T/r.pciem --ring 256K --trigger "log:nvme is slow" 2>$T/r.log & rec=$!',
      'sleep 5; until grep -q Node /proc/$rec/task/*/comm || grep -q node /proc/$rec/task/*/comm; do sleep 0.1; done',
      'until echo "nvme is slow" >/dev/kmsg; [ -s $T/r.pciem ]; do dd if=$PCIEM_BLOCK of=/dev/null bs=64k count=8 iflag=direct 2>/dev/null; done',
      'wait $rec',
    ]
    expect((await guest.run(script(...lines))).status).toBe(0)
    const { whole, header, totals, notes } = look('r')
    expect(totals!.reason).toBe('trigger: log:nvme is slow')
    expect(header.ring!.size).toBe(256 << 10)
    expect(whole).toBe(true)
    expect(notes.log.at(-1)!.text).toBe('nvme is slow')
  })

  it("keeps a device's last events until its driver warns, and writes them then", async () => {
    await guest.load('pciem_test')
    const edu = [
      '$P record -o $T/o.pciem --ring 256K --trigger oops $PCIEM_BDF 2>$T/o.log & rec=$!',
      'until [ -s $T/o.pciem ]; do kill -0 $rec || exit 1; sleep 2; echo warn >/sys/kernel/debug/pciem_test/$PCIEM_BDF; done; wait $rec',
    ]
    await guest.ok(script(`export P T; $P run edu -- sh -c '${edu.join('\n')}'`))
    expect((await guest.takeLog()).join('\n')).toMatch(/WARNING: .* test_warn\+.*\[pciem_test\]/)
    const { whole, header, totals, notes, events } = look('o')
    expect(totals!.reason).toBe('trigger: oops')
    expect(header.ring).toEqual({ size: 256 << 10, dropped: 0 })
    expect(whole).toBe(true)
    // the driver's read that made it warn, and the warning, are in it
    expect(events.find(({ kind, addr }) => kind === 'mmio-read' && addr === 0n)).toMatchObject({ bar: 0, value: 0x010000edn })
    expect(notes.log.map(({ text }) => text)).toEqual(expect.arrayContaining([expect.stringMatching(/^WARNING: .* test_warn\+/), "the device's ID is 0x10000ed"]))
  })

  it("takes marks from the prompt and from a script, and ends at a fault of the device's DMA, with what came before", async () => {
    const prompt = ['create nvme size=16M', 'record start $T/q.pciem --ring 4M --trigger iommu-fault', 'start --wait', 'record mark from the prompt', 'dma read 0xdead0000 4', 'sleep 1', 'record']
    const marking = [
      "import { Slot } from 'pciem'",
      "import { Recorder } from 'pciem/recorder'",
      'const slotId = Slot.list().find(({ ownerPid }) => String(ownerPid) === process.env.owner).slot',
      'const recorder = await Recorder.start({ path: process.argv[2], slotId })',
      "await recorder.mark('from a script')",
      'await recorder.stop()',
    ]
    writeFileSync(join(folder, 'mark.mjs'), marking.join('\n'))
    const lines = [
      `printf '%s\\n' ${prompt.map((line) => `"${line}"`).join(' ')} | $P repl --keep-going - >$T/q.log 2>&1`,
      'node $T/mark.mjs $T/v.pciem',
    ]
    await guest.ok(script(...lines))
    const { whole, marks, events, totals, header } = look('q')
    expect(totals!.reason).toBe('trigger: iommu-fault')
    expect(whole).toBe(true)
    expect(header.ring).toEqual({ size: 4 << 20, dropped: 0 })
    expect(marks).toEqual(['from the prompt'])
    expect(events.find(({ kind }) => kind === 'fault')).toMatchObject({ addr: 0xdead0000n })
    expect(events.some(({ kind }) => kind === 'bind')).toBe(true)
    expect(look('v')).toMatchObject({ whole: true, marks: ['from a script'] })
  })

  it('begins a new file at a limit, each with how the device stands then, and keeps the last ones', async () => {
    await guest.ok(script('$P record -o $T/u.pciem --max-size 1M --rotate 2 $PCIEM_BDF -- dd if=/dev/urandom of=$PCIEM_BLOCK bs=64k count=96 oflag=direct'))
    const parts = readdirSync(folder).flatMap((name) => /^(u(?:\.\d+)?)\.pciem$/.exec(name)?.[1] ?? [])
    expect(parts.length).toBe(2)
    const files = parts.map(look).sort((a, b) => a.header.part! - b.header.part!)
    expect(files.every(({ whole }) => whole)).toBe(true)
    expect(files[1]!.header.part).toBe(files[0]!.header.part! + 1)
    expect(files[0]!.totals!.reason).toBe('max-size')
    expect(files[1]!.events[0]!.seq - files[0]!.events.at(-1)!.seq).toBeLessThanOrEqual(2n)
    expect(files.every(({ header }) => header.devices[0]!.snapshot!.mappings.length > 0)).toBe(true)
  })

  it('says on a full disk what is safe, and lets the device go on', async () => {
    const lines = [
      'mkdir -p /var/tmp/small; mount -t tmpfs -o size=300k none /var/tmp/small',
      '$P record -o /var/tmp/small/d.pciem -- dd if=/dev/urandom of=$PCIEM_BLOCK bs=64k count=16 oflag=direct; echo "status $?"',
      'cp /var/tmp/small/d.pciem $T/; umount /var/tmp/small',
      read,
    ]
    const { status, stdout, stderr } = await guest.run(script(...lines))
    expect(stderr).toMatch(/pciem: cannot write on to \S+d\.pciem: the disk is full; its first \d+ events are safe/)
    expect(stdout).toMatch(/status 1\n$/)
    expect(status).toBe(0)
    const { verdict } = look('d')
    expect(verdict).toMatchObject({ complete: false, lost: 0n, unexplained: 0n })
    expect(stderr).toContain(`its first ${verdict.events} events are safe`)
  })

  it('stopped, holds the driver up, and loses nothing that could wait: the trace says what it lost, and where', async () => {
    const lines = [
      '$P record -o $T/s.pciem & rec=$!',
      untilBegun('$T/s.pciem'),
      'kill -STOP $rec',
      // more than the monitor's ring takes
      'dd if=$PCIEM_BLOCK of=/dev/null bs=1M count=48 iflag=direct 2>/dev/null & work=$!',
      'sleep 6; kill -0 $work && echo "it waits"',
      'kill -CONT $rec; wait $work; echo "work $?"',
      'kill -TERM $rec; wait $rec; echo "status $?"',
    ]
    const { stdout } = await guest.run(script(...lines))
    expect(stdout).toContain('work 0\n')
    expect(stdout).toContain(`status ${accountOf('s') === 0n ? 0 : 3}\n`)
  })

  it('to a slow disk, holds the driver up likewise: what it lost is told, and where, or nothing was', async () => {
    execFileSync('gcc', ['-shared', '-fPIC', '-O2', '-o', join(folder, 'slow_write.so'), join(projectRoot, 'test/preload/slow_write.c')])
    const lines = [
      'LD_PRELOAD=$T/slow_write.so SLOW_WRITE_MS=250 $P record -o $T/w.pciem & rec=$!',
      untilBegun('$T/w.pciem'),
      'dd if=$PCIEM_BLOCK of=/dev/null bs=1M count=64 iflag=direct 2>/dev/null & work=$!',
      'wait $work; echo "work $?"',
      'kill -TERM $rec; wait $rec; echo "status $?"',
    ]
    const { stdout, stderr } = await guest.run(script(...lines))
    expect(stdout).toContain('work 0\n')
    expect(Number(/drivers waited (\d+) ms/.exec(stderr)?.[1] ?? 0)).toBeGreaterThan(100)
    expect(stdout).toContain(`status ${accountOf('w') === 0n ? 0 : 3}\n`)
    expect(look('w').totals!.dataBytes).toBeGreaterThan(48 << 20)
  })

  it('with --lossy, the driver never waits; each gap is marked and counted', async () => {
    const lines = [
      '$P record -o $T/l.pciem --lossy & rec=$!',
      untilBegun('$T/l.pciem'),
      'kill -STOP $rec',
      'dd if=$PCIEM_BLOCK of=/dev/null bs=1M count=48 iflag=direct 2>/dev/null; echo "work $?"',
      'kill -CONT $rec; sleep 1',
      read,
      'kill -TERM $rec; wait $rec; echo "status $?"',
    ]
    const { stdout, stderr } = await guest.run(script(...lines))
    expect(stdout).toBe('work 0\nstatus 3\n')
    const { verdict, events, header } = look('l')
    expect(header.lossy).toBe(true)
    expect(verdict.unexplained).toBe(0n)
    expect(verdict.lost).toBeGreaterThan(0n)
    expect(stderr).toContain(`l.pciem is lossy: ${verdict.lost} transactions are missing`)
    const gap = events.findIndex(({ kind }) => kind === 'lost')
    expect(events[gap + 1]!.seq - events[gap]!.seq).toBe(1n)
    const before = events[gap - 1]!
    expect(events[gap]!.seq - before.seq - (before.flags & 0x8000 ? 1n : 0n)).toBe(events[gap]!.value)
  })

  it('killed, leaves a trace that can be recovered, and a device that goes on', async () => {
    const lines = [
      '$P record -o $T/e.pciem & rec=$!',
      untilBegun('$T/e.pciem'),
      `${read}; ${read}; ${read}; sleep 1`,
      `(while ${read}; do :; done) & work=$!`,
      'sleep 0.3',
      'kill -KILL $rec; wait $rec; kill $work; wait $work',
      read,
    ]
    expect((await guest.run(script(...lines))).status).toBe(0)
    expect(look('e').verdict).toMatchObject({ complete: false, lost: 0n, unexplained: 0n })
    const saved = recoverTrace(path('e'), path('f'))
    expect(saved).toMatchObject({ lost: 0n, dataLost: 0 })
    const { whole, events } = look('f')
    expect(whole).toBe(true)
    expect(events.length).toBe(look('e').events.length)
    expect(events.length).toBeGreaterThan(100)
  })

  it('ends the trace when the owner of the device is killed', async () => {
    const lines = [
      '$P record -o $T/c.pciem & rec=$!',
      untilBegun('$T/c.pciem'),
      '(while dd if=$PCIEM_BLOCK of=/dev/null bs=64k iflag=direct 2>/dev/null; do :; done) & work=$!',
      'sleep 1; kill -KILL $owner; wait $rec; echo "status $?"; wait $work',
    ]
    expect((await guest.run(script(...lines))).stdout).toBe('status 0\n')
    const { whole, totals, events } = look('c')
    expect(whole).toBe(true)
    expect(totals!.reason).toBe('removed')
    expect(events.filter(({ kind }) => kind === 'remove').length).toBe(1)
  })
}, { long: true })
