// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

// What the driver says about a controller that it likes.
const contented = [/nvme nvme\d+: pci function/, /nvme \S+: enabling device/, /nvme nvme\d+: \d+\/0\/0 default\/read\/poll queues/, /nvme nvme\d+: Shutdown timeout set to/]

function complaints(log: string[]): string[] {
  return log.filter((line) => /nvme/.test(line) && !contented.some((pattern) => pattern.test(line)))
}

onEachGuest('the nvme model under the unmodified driver', (guest) => {
  it('is probed without a word of complaint', async () => {
    const { status, stderr } = await guest.pciem(['run', 'nvme', '--', 'true'])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(complaints(await guest.takeLog())).toEqual([])
  })

  it('keeps a tree of 64 MiB in ext4 over an unbind and a bind', async () => {
    const { status, stdout, stderr } = await guest.pciem(['run', 'nvme', '--', 'sh', 'test/kernel/guest/nvme-files.sh'], { timeout: 240_000 })
    expect(stdout + stderr).toContain('checksums equal: 520 files')
    expect(status).toBe(0)
    expect(complaints(await guest.takeLog()).filter((line) => !/EXT4-fs \(nvme\w+\): (un)?mount/.test(line))).toEqual([])
  })

  it('passes 30 s of random reads and writes with verify', async () => {
    const fio = 'fio --filename="$PCIEM_BLOCK" --runtime=30 --output-format=json test/kernel/guest/nvme-verify.fio'
    const { status, stdout, stderr } = await guest.pciem(['run', 'nvme', 'size=128M', '--', 'sh', '-c', fio], { timeout: 180_000 })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const { jobs } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: { error: number; read: { total_ios: number }; write: { total_ios: number } }[] }
    expect(jobs.map(({ error }) => error)).toEqual([0, 0])
    for (const job of jobs) expect(job.read.total_ios + job.write.total_ios).toBeGreaterThan(1000)
    expect(complaints(await guest.takeLog())).toEqual([])
  })

  it('comes back from a reset of the controller, of the function, and of the driver', async () => {
    const steps = [
      'nvme reset "/dev/${PCIEM_BLOCK#/dev/}" 2>/dev/null || nvme reset "${PCIEM_BLOCK%n1}"',
      'dd if="$PCIEM_BLOCK" of=/dev/null bs=4k count=1 iflag=direct status=none',
      'for i in 1 2 3; do echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/unbind; echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/bind; done',
      'until [ -b "$PCIEM_BLOCK" ]; do sleep 0.1; done',
      'dd if="$PCIEM_BLOCK" of=/dev/null bs=4k count=1 iflag=direct status=none',
    ]
    const { status, stderr } = await guest.pciem(['run', 'nvme', '--', 'sh', '-ec', steps.join('\n')])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(complaints(await guest.takeLog()).filter((line) => !/resetting controller/.test(line))).toEqual([])
  })

  it('answers nvme-cli: identify, SMART, error and firmware logs, features', async () => {
    const steps = [
      'c=${PCIEM_BLOCK%n1}',
      'nvme id-ctrl "$c" | grep -E "^(sn|mn|mdts|ver|subnqn)"',
      'nvme id-ns "$PCIEM_BLOCK" | grep -E "^(nsze|nguid|eui64)"',
      'nvme smart-log "$c" | grep -iE "^(critical_warning|media_errors)"',
      'nvme error-log "$c" | head -1',
      'nvme fw-log "$c" | head -1',
      'nvme effects-log "$c" >/dev/null',
      'nvme get-feature "$c" -f 7',
      'nvme get-feature "$c" -f 4',
    ]
    const { status, stdout, stderr } = await guest.pciem(['run', 'nvme', 'serial=ABC', 'mdts=128K', '--', 'sh', '-ec', steps.join('\n')])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toMatch(/sn\s*: ABC\s/)
    expect(stdout).toMatch(/mdts\s*: 5\s/)
    expect(stdout).toMatch(/ver\s*: 0x10400/)
    expect(stdout).toMatch(/media_errors\s*: 0/)
  })

  it('discards and zeroes what it is told to', async () => {
    const steps = [
      'dd if=/dev/urandom of="$PCIEM_BLOCK" bs=1M count=4 oflag=direct status=none',
      'blkdiscard -o 1M -l 1M "$PCIEM_BLOCK"',
      'blkdiscard -z -o 2M -l 1M "$PCIEM_BLOCK"',
      'for i in 0 1 2 3; do dd if="$PCIEM_BLOCK" bs=1M count=1 skip=$i iflag=direct status=none | tr -d "\\0" | wc -c; done',
    ]
    const stdout = (await guest.pciem(['run', 'nvme', '--', 'sh', '-ec', steps.join('\n')])).stdout
    const left = stdout.trim().split('\n').map(Number)
    expect(left.map((bytes) => bytes > 0)).toEqual([true, false, false, true])
  })

  it('keeps a namespace in a file from run to run', async () => {
    const disk = '/var/tmp/nvme-disk.img'
    const write = await guest.pciem(['run', 'nvme', `file=${disk}`, 'size=16M', 'lba=4096', '--', 'sh', '-ec', 'echo remember me | dd of="$PCIEM_BLOCK" bs=4k conv=sync oflag=direct status=none'])
    expect(write.status).toBe(0)
    const read = await guest.pciem(['run', 'nvme', `file=${disk}`, 'lba=4096', '--', 'sh', '-c', 'blockdev --getss --getsize64 "$PCIEM_BLOCK"; head -c 11 "$PCIEM_BLOCK"'])
    expect(read.stdout).toBe('4096\n16777216\nremember me')
    await guest.ok(['rm', disk])
  })

  it('survives an unbind under load', async () => {
    const steps = [
      'fio --name=load --filename="$PCIEM_BLOCK" --rw=randrw --ioengine=libaio --iodepth=32 --direct=1 --time_based --runtime=60 >/dev/null 2>&1 &',
      'sleep 3; echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/unbind; wait; echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/bind',
      'until [ -b "$PCIEM_BLOCK" ]; do sleep 0.1; done; dd if="$PCIEM_BLOCK" of=/dev/null bs=4k count=1 iflag=direct status=none; echo back',
    ]
    const { stdout, status } = await guest.pciem(['run', 'nvme', '--', 'sh', '-c', steps.join('\n')])
    expect(stdout).toBe('back\n')
    expect(status).toBe(0)
  })

  it('vanishes cleanly when its owner is killed under load', async () => {
    const load = 'fio --name=load --filename="$PCIEM_BLOCK" --rw=randrw --ioengine=libaio --iodepth=32 --direct=1 --time_based --runtime=60'
    await guest.ok(['sh', 'test/kernel/guest/owner-killed.sh', load, 'nvme', 'size=64M'])
    // and the next one is as good as new
    expect((await guest.pciem(['run', 'nvme', '--', 'true'])).status).toBe(0)
  })
})
