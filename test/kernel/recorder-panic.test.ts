// SPDX-License-Identifier: MIT
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TraceReader } from '../../src/trace/reader.js'
import { recoverTrace } from '../../src/trace/recover.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { bootVm } from '../../src/vm/machine.js'
import { projectRoot } from '../../src/paths.js'
import { guestPoints } from '../harness/guest.js'

const freshFolder = (name: string): string => {
  const folder = join(projectRoot, 'build', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

// Guests of their own: they end with a panic, or with a driver that died in the middle.
for (const point of guestPoints()) {
  describe(`a recording in a guest [Linux ${point.kernel}, ${point.smp} CPU]`, () => {
    it('that panics is in the shared folder up to the last flush, and can be recovered', async () => {
      const folder = freshFolder(`test-panic-${point.kernel}`)
      const path = join(folder, 'panic.pciem')
      const command = [
        'yes "written before the panic" | dd of=$PCIEM_BLOCK bs=4k count=1 iflag=fullblock oflag=direct 2>/dev/null',
        // What is written cannot be compressed: as the trace has grown by so much, some rounds are in it whole.
        'round() { dd if=/dev/urandom of=$PCIEM_BLOCK bs=64k seek=1 count=16 oflag=direct; dd if=$PCIEM_BLOCK of=/dev/null bs=64k skip=1 count=16 iflag=direct; }',
        'while round 2>/dev/null; do :; done &',
        `until [ $(stat -c %s ${path}) -gt ${4 << 20} ]; do sleep 0.1; done`,
        'echo c >/proc/sysrq-trigger',
      ]
      const vm = await bootVm({ ...point, memory: '2G', work: projectRoot })
      await expect(vm.run(['bin/pciem', 'run', 'nvme', 'size=64M', '--record', path, '--', 'sh', '-c', command.join('\n')])).rejects.toThrow(/panic/i)
      await vm.close()

      const out = join(folder, 'recovered.pciem')
      const saved = recoverTrace(path, out)
      expect(saved).toMatchObject({ lost: 0n, dataLost: 0, complete: false })
      const reader = TraceReader.open(out)
      const events = [...reader.events()].map((event) => ({ ...event, data: event.data && Buffer.from(event.data) }))
      expect(isWhole(verifyTrace(reader))).toBe(true)
      reader.close()
      expect(events.some(({ kind, data }) => kind === 'dma-read' && data?.toString('latin1').startsWith('written before the panic'))).toBe(true)
      // and of what was going on as it ended
      expect(events.filter(({ kind }) => kind === 'dma-write').length).toBeGreaterThan(20)
    })

    it('whose driver oopses ends there, with the access before it and what the kernel said', async () => {
      const folder = freshFolder(`test-oops-${point.kernel}`)
      const path = join(folder, 'oops.pciem')
      const recording = `bin/pciem record -o ${path} --ring 256K --trigger oops $PCIEM_BDF -- sh -c 'echo oops >/sys/kernel/debug/pciem_test/$PCIEM_BDF'`
      const vm = await bootVm({ ...point, work: projectRoot })
      await vm.run(['insmod', join(projectRoot, 'build', `drivers-${vm.kernel.release}`, 'pciem_test', 'pciem_test.ko')])
      // The driver died holding its lock, so its device's end is not waited for.
      const { status } = await vm.run(['sh', '-c', `bin/pciem run edu -- sh -c "$RECORDING; echo >${folder}/ended" & until [ -e ${folder}/ended ]; do sleep 0.2; done`], { env: { RECORDING: recording }, timeout: 300_000 })
      expect(status).toBe(0)
      await vm.close()

      const reader = TraceReader.open(path)
      expect(isWhole(verifyTrace(reader))).toBe(true)
      const events = [...reader.events()]
      const { totals } = reader
      const { log } = reader.notes()
      reader.close()
      expect(totals!.reason).toBe('trigger: oops')
      expect(events.findLast(({ kind }) => kind === 'mmio-read')).toMatchObject({ bar: 0, addr: 0n, value: 0x010000edn })
      expect(log.map(({ text }) => text)).toEqual(expect.arrayContaining([expect.stringMatching(/^BUG: kernel NULL pointer dereference/), expect.stringMatching(/RIP: .*test_oops\+.*\[pciem_test\]/)]))
    })
  })
}
