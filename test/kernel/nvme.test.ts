// SPDX-License-Identifier: MIT
import { afterAll, expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

// What the driver says about a controller that it likes.
const contented = [
  /nvme nvme\d+: pci function/,
  /nvme \S+: enabling device/,
  /nvme nvme\d+: \d+\/0\/0 default\/read\/poll queues/,
  /nvme nvme\d+: resetting controller/,
  /EXT4-fs \(nvme\w+\): (un)?mount/,
]

function complaints(log: string[]): string[] {
  return log.filter((line) => /nvme/i.test(line) && !contented.some((pattern) => pattern.test(line)))
}

const READY = '/var/tmp/nvme-ready'
const CREATE = `
rm -f ${READY}
setsid bin/pciem run nvme size=128M serial=ABC mdts=128K --json >${READY} 2>&1 </dev/null &
echo $! >${READY}.pid
until grep -q '"ready"' ${READY}; do kill -0 $! || { cat ${READY}; exit 1; }; sleep 0.1; done`

/** The tests' one device: made for the first of them, and again in a fresh guest. */
async function device(guest: Guest): Promise<string> {
  if ((await guest.run(`kill -0 $(cat ${READY}.pid)`)).status !== 0) await guest.ok(['sh', '-c', CREATE])
  return (JSON.parse(await guest.ok(['head', '-1', READY])) as { bdf: string }).bdf
}

// The disk may have another name after each binding.
const FIND_DISK = `find_disk() {
  until PCIEM_BLOCK=$(ls -d /sys/bus/pci/devices/$PCIEM_BDF/nvme/nvme*/nvme*n1) 2>/dev/null && PCIEM_BLOCK=/dev/\${PCIEM_BLOCK##*/} && [ -b $PCIEM_BLOCK ]; do sleep 0.1; done
}
find_disk`

/** Shell lines on the device; fails at the first that does. */
async function onDevice(guest: Guest, lines: string[]): Promise<string> {
  const script = [`export PCIEM_BDF=${await device(guest)} PCIEM_BLOCK`, FIND_DISK, ...lines].join('\n')
  return await guest.ok(['sh', '-ec', script])
}

const READ_A_PAGE = 'dd if="$PCIEM_BLOCK" of=/dev/null bs=4k count=1 iflag=direct status=none'
const LOAD = 'fio --name=load --filename="$PCIEM_BLOCK" --rw=randrw --ioengine=libaio --iodepth=32 --direct=1 --time_based --runtime=60'

onEachGuest('the nvme model under the unmodified driver', (guest) => {
  afterAll(() => guest.run(`kill -INT $(cat ${READY}.pid); while kill -0 $(cat ${READY}.pid); do sleep 0.1; done 2>/dev/null; rm ${READY}*`))

  it('is probed without a word of complaint', async () => {
    await guest.takeLog()
    const bdf = await device(guest)
    const log = await guest.takeLog()
    expect(log.filter((line) => line.includes(bdf)).length).toBeGreaterThan(0)
    expect(complaints(log)).toEqual([])
  })

  it('keeps a tree of 64 MiB in ext4 over an unbind and a bind', async () => {
    expect(await onDevice(guest, ['sh test/kernel/guest/nvme-files.sh 2>&1'])).toContain('checksums equal: 520 files')
    expect(complaints(await guest.takeLog())).toEqual([])
  })

  it('passes 30 s of random reads and writes with verify', async () => {
    const stdout = await onDevice(guest, ['fio --filename="$PCIEM_BLOCK" --runtime=30 --output-format=json test/kernel/guest/nvme-verify.fio'])
    const { jobs } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: { error: number; read: { total_ios: number }; write: { total_ios: number } }[] }
    expect(jobs.map(({ error }) => error)).toEqual([0, 0])
    for (const { read, write } of jobs) expect(Math.min(read.total_ios, write.total_ios)).toBeGreaterThan(0)
    expect(complaints(await guest.takeLog())).toEqual([])
  })

  it('comes back from a reset of the controller, one of the function, and from new bindings', async () => {
    await onDevice(guest, [
      'nvme reset "${PCIEM_BLOCK%n1}"',
      READ_A_PAGE,
      'echo 1 >/sys/bus/pci/devices/$PCIEM_BDF/reset',
      READ_A_PAGE,
      // Linux 6.1 goes on with the probe after the bind, and complains when it is unbound meanwhile.
      'for i in 1 2 3; do echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/unbind; echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/bind; find_disk; done',
      READ_A_PAGE,
    ])
    expect(complaints(await guest.takeLog())).toEqual([])
  })

  it('answers nvme-cli: identify, SMART, error, firmware and effects logs, features', async () => {
    const stdout = await onDevice(guest, [
      'c=${PCIEM_BLOCK%n1}',
      'nvme id-ctrl "$c"',
      'nvme id-ns "$PCIEM_BLOCK" | grep -E "^(nsze|nguid|eui64)"',
      'nvme smart-log "$c"',
      ...['error-log', 'fw-log', 'effects-log'].map((log) => `nvme ${log} "$c" >/dev/null`),
      ...[4, 7, 0x0b].map((feature) => `nvme get-feature "$c" -f ${feature}`),
    ])
    expect(stdout).toMatch(/sn\s*: ABC\s/)
    expect(stdout).toMatch(/mdts\s*: 5\s/)
    expect(stdout).toMatch(/ver\s*: 0x10400/)
    expect(stdout).toMatch(/media_errors\s*: 0/)
  })

  it('discards and zeroes what it is told to, and nothing beside it', async () => {
    const stdout = await onDevice(guest, [
      'dd if=/dev/urandom of="$PCIEM_BLOCK" bs=1M count=4 oflag=direct status=none',
      'blkdiscard -f -o 1M -l 1M "$PCIEM_BLOCK"',
      'blkdiscard -f -z -o 2M -l 1M "$PCIEM_BLOCK"',
      'for i in 0 1 2 3; do dd if="$PCIEM_BLOCK" bs=1M count=1 skip=$i iflag=direct status=none | tr -d "\\0" | wc -c; done',
    ])
    const left = stdout.trim().split('\n').map(Number)
    expect(left.map((bytes) => bytes > 0)).toEqual([true, false, false, true])
  })

  it('is formatted by nvme-cli, but not to what it does not have', async () => {
    const stdout = await onDevice(guest, [
      'c=${PCIEM_BLOCK%n1}',
      'echo secret | dd of="$PCIEM_BLOCK" bs=4k conv=sync oflag=direct status=none',
      'nvme format "$PCIEM_BLOCK" --lbaf=1 --force >/dev/null',
      'find_disk',
      'blockdev --getss "$PCIEM_BLOCK"',
      'dd if="$PCIEM_BLOCK" bs=4k count=1 iflag=direct status=none | tr -d "\\0" | wc -c',
      'if nvme admin-passthru "$c" --opcode=0x80 --namespace-id=1 --cdw10=7 2>/dev/null; then exit 1; fi',
      'nvme format "$PCIEM_BLOCK" --lbaf=0 --ses=1 --force >/dev/null',
      'find_disk',
      'blockdev --getss "$PCIEM_BLOCK"',
    ])
    expect(stdout).toBe('4096\n0\n512\n')
  })

  it('survives an unbind under load', async () => {
    const stdout = await onDevice(guest, [
      `${LOAD} >/dev/null 2>&1 & load=$!`,
      'sleep 3; kill -0 $load; echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/unbind; wait $load || echo "the load failed"',
      'echo "$PCIEM_BDF" >/sys/bus/pci/drivers/nvme/bind',
      'find_disk',
      READ_A_PAGE,
    ])
    expect(stdout).toBe('the load failed\n')
  })

  it('vanishes cleanly when its owner is killed under load', async () => {
    const command = ['sh', 'test/kernel/guest/owner-killed.sh', LOAD, 'nvme', 'size=64M', 'serial=victim']
    expect(await guest.ok(command)).toMatch(/the load ended with status/)
  })

  it('keeps a namespace in a file from one device to the next', async () => {
    const disk = '/var/tmp/nvme-disk.img'
    const options = [`file=${disk}`, 'lba=4096', 'serial=file']
    const fill = 'echo remember me | dd of="$PCIEM_BLOCK" bs=4k conv=sync oflag=direct status=none'
    expect((await guest.pciem(['run', 'nvme', ...options, 'size=16M', '--', 'sh', '-c', fill])).status).toBe(0)
    const look = 'blockdev --getss --getsize64 "$PCIEM_BLOCK"; head -c 11 "$PCIEM_BLOCK"; rm /var/tmp/nvme-disk.img'
    expect((await guest.pciem(['run', 'nvme', ...options, '--', 'sh', '-c', look])).stdout).toBe('4096\n16777216\nremember me')
  })
})
