// SPDX-License-Identifier: MIT
// Devices that vanish at the worst moment, many times over, and what is left of them: nothing. The claims
// build on each other, and take the module out at the end, so the guest is their own.
import { beforeAll, expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'
import { type Snapshot, grownInEach, grownSlabs, grownVmalloc, kernelMemory, takeSnapshot } from './stress-snapshot.js'

const fio = 'fio --name=load --filename="$PCIEM_BLOCK" --rw=randrw --ioengine=libaio --iodepth=32 --numjobs=2 --direct=1 --time_based --runtime=120'
const dd = 'while dd if="$PCIEM_BLOCK" of=/dev/null bs=64k iflag=direct; do :; done'

async function killed(guest: Guest, delay: number, load: string, owner: string[]): Promise<void> {
  await guest.ok(['sh', 'test/kernel/guest/stress-kill.sh', String(delay), load, ...owner])
}

async function churn(guest: Guest, model: string, count: number): Promise<void> {
  await guest.ok(['node', 'test/kernel/guest/stress-churn.mjs', model, String(count)])
}

onEachGuest(
  'devices under stress',
  (guest) => {
    // On one CPU nothing more can happen while a device goes away; a third shows a leak as well.
    const [edus, nvmes] = guest.point.smp === 1 ? [30, 3] : [90, 10]
    const devices = edus + nvmes
    const run = ['bin/pciem', 'run', 'nvme', 'size=64M']
    let first: Snapshot
    let before: Snapshot
    let after: Snapshot
    const rounds: string[][] = []

    beforeAll(async () => {
      await guest.up()
      // A device that is lost must not cost a minute for each command that it took along.
      const setUp = ['modprobe nvme', 'echo 3 >/sys/module/nvme_core/parameters/admin_timeout', 'echo 5 >/sys/module/nvme_core/parameters/io_timeout']
      await guest.ok(setUp.join(' && '))
      await guest.load('pciem_test')
      first = await takeSnapshot(guest)
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

    it('may lose their driver under I/O, again and again', async () => {
      const { status, stdout, stderr } = await guest.pciem(['run', 'nvme', 'size=64M', '--', 'sh', 'test/kernel/guest/stress-unbind.sh', '4'])
      expect(stderr).toBe('')
      expect(stdout).toBe('back\n')
      expect(status).toBe(0)
    })

    it(`may come and go ${devices} times`, async () => {
      // What is allocated once, at the first use, is no leak.
      await churn(guest, 'edu', 3)
      after = await takeSnapshot(guest)
      do {
        before = after
        await churn(guest, 'edu', edus)
        await churn(guest, 'nvme', nvmes)
        after = await takeSnapshot(guest)
        // A device has several objects of each kind that it has at all: a leak shows as one for each, at least.
        rounds.push([...grownSlabs(before, after, nvmes, guest.point.smp), ...grownVmalloc(before, after, nvmes)])
      } while (rounds.length === 1 && rounds[0]!.length > 0)
    })

    it('give back their addresses and their interrupts', () => {
      expect(after.iomem).toBe(first.iomem)
      expect(after.interrupts).toBe(first.interrupts)
    })

    it('leave no object in any slab cache, and no vmalloc area', () => {
      expect(grownInEach(rounds)).toEqual([])
    })

    it('leave no pages', () => {
      // The smallest BAR here is 16 KiB. Of a run of this length the rest of the system takes or gives back 2 MiB at most,
      // in lists of free pages for each CPU and slabs of files.
      expect(kernelMemory(after) - kernelMemory(before)).toBeLessThan(2048 + 8 * devices)
    })

    it('leave the module free to go without a trace, and to come back', async () => {
      const remains = [
        'rmmod pciem_test && rmmod pciem',
        'lsmod | grep pciem',
        '[ -e /dev/pciem ] && echo /dev/pciem',
        'ls -d /sys/module/pciem /sys/class/*/pciem /sys/kernel/debug/pciem* 2>/dev/null',
        'ls /sys/bus/pci/devices | grep "^f"',
        'grep -i pciem /proc/iomem /proc/interrupts /proc/vmallocinfo /proc/devices /proc/misc /proc/kallsyms /sys/kernel/debug/kprobes/list',
        'ps -eo comm | grep "^pciem"',
        'true',
      ]
      expect(await guest.ok(remains.join('\n'))).toBe('')
      await guest.ok(`insmod build/kernel-${guest.release}/pciem.ko`)
      expect((await guest.pciem(['run', 'nvme', '--', 'true'])).status).toBe(0)
    })
  },
  { fresh: true, long: true },
)
