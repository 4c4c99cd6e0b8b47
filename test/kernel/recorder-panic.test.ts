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

// Guests of their own: they end with a panic.
describe('a recording in a guest that panics', () => {
  for (const point of guestPoints()) {
    it(`is in the shared folder up to the last flush, and can be recovered [Linux ${point.kernel}, ${point.smp} CPU]`, async () => {
      const folder = join(projectRoot, 'build', `test-panic-${point.kernel}`)
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      const path = join(folder, 'panic.pciem')
      const command = [
        'yes "written before the panic" | dd of=$PCIEM_BLOCK bs=4k count=1 iflag=fullblock oflag=direct 2>/dev/null',
        'sleep 1',
        'dd if=$PCIEM_BLOCK of=/dev/null bs=64k iflag=direct 2>/dev/null & sleep 0.5',
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
  }
})
