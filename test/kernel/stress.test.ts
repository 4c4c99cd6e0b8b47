// SPDX-License-Identifier: MIT
// Devices that vanish at the worst moment; the harness looks at the kernel's log after each. The driver's
// timeouts are shortened, so the guest is their own.
import { beforeAll, expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

const fio = 'fio --name=load --filename="$PCIEM_BLOCK" --rw=randrw --ioengine=libaio --iodepth=32 --numjobs=2 --direct=1 --time_based --runtime=120'
const dd = 'while dd if="$PCIEM_BLOCK" of=/dev/null bs=64k iflag=direct; do :; done'

async function killed(guest: Guest, delay: number, load: string, owner: string[]): Promise<void> {
  await guest.ok(['sh', 'test/kernel/guest/stress-kill.sh', String(delay), load, ...owner])
}

onEachGuest(
  'devices under stress',
  (guest) => {
    const run = ['bin/pciem', 'run', 'nvme', 'size=64M']

    beforeAll(async () => {
      await guest.up()
      // A device that is lost must not cost a minute for each command that it took along.
      const setUp = ['modprobe nvme', 'echo 3 >/sys/module/nvme_core/parameters/admin_timeout', 'echo 5 >/sys/module/nvme_core/parameters/io_timeout']
      await guest.ok(setUp.join(' && '))
    })

    it('may lose their owner to SIGKILL at any point of the probe', async () => {
      for (const delay of [0, 0.1, 0.3]) await killed(guest, delay, '', run)
    })

    it('may lose their owner to SIGKILL under heavy I/O', async () => {
      await killed(guest, 0.5, fio, run)
      await killed(guest, 1.3, `${dd} & ${fio}; wait`, run)
    })

    it('may lose the prompt that made them to SIGKILL under I/O', async () => {
      await killed(guest, 0.5, dd, ['bin/pciem', '-c', 'create nvme\nstart --wait\nsleep 300'])
    })
  },
  { fresh: true, cpus: 2 },
)
