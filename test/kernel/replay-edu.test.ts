// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

// Inside the guest; nothing of it reaches the host.
const trace = '/var/tmp/replay-edu.pciem'
const commands = ['dma alloc 256 both', 'dma fill 0 7', 'dma to-device 0', 'dma from-device 0', 'dma check 0 7', 'irq request 2', 'irq raise 1', 'irq free', 'dma free 0']
const script = commands.map((command) => `echo ${command} >/sys/kernel/debug/pciem_test/$PCIEM_BDF`).join(' && ')

/** Records a session with the edu device, once a guest. */
async function recorded(guest: Guest): Promise<string> {
  if ((await guest.run(`[ -e ${trace} ]`)).status === 0) return trace
  await guest.ok(`[ -e /sys/bus/pci/drivers/pciem_test ] || insmod ${guest.driver('pciem_test')}`)
  await guest.ok(['bin/pciem', 'run', 'edu', '--force', '--record', `${trace}.new`, '--', 'sh', '-c', script])
  await guest.ok(`mv ${trace}.new ${trace}`)
  return trace
}

const firstLine = (text: string) => text.split('\n').find((line) => !line.startsWith('pciem:')) ?? ''

onEachGuest('a replay of the edu device', (guest) => {
  it('matches access by access: registers that the model answered, DMA both ways, an interrupt', async () => {
    const { stdout, status } = await guest.pciem(['replay', await recorded(guest), '--match', 'exact'])
    expect(firstLine(stdout)).toMatch(/^match: \d+ accesses as recorded, 3 device actions played$/)
    expect(stdout).toMatch(/^ +folded: 0 reads more than recorded, 0 recorded reads taken as repeats$/m)
    expect(status).toBe(0)
  })

  it('--match exact diverges where a command reads once more than recorded; fold forgives that', async () => {
    const path = await recorded(guest)
    const once = `${script.replace('echo dma check', 'echo access r 0x44 4 >/sys/kernel/debug/pciem_test/$PCIEM_BDF && echo dma check')}`
    const exact = await guest.pciem(['replay', path, '--match', 'exact', '--', 'sh', '-c', once])
    expect(firstLine(exact.stdout)).toMatch(/^divergence at event \d+: driver read 4 bytes at BAR0\+0x44 \(DMA_CMD\)/)
    expect(exact.status).toBe(1)
    const fold = await guest.pciem(['replay', path, '--', 'sh', '-c', once])
    expect(firstLine(fold.stdout)).toMatch(/^match/)
    expect(fold.stdout).toMatch(/^ +folded: 1 reads more than recorded/m)
    expect(fold.status).toBe(0)
  })

  it('--ignore leaves a register of config space to itself', async () => {
    const { stdout, status } = await guest.pciem(['replay', await recorded(guest), '--ignore', 'COMMAND'])
    expect(firstLine(stdout)).toMatch(/^match/)
    expect(stdout).toMatch(/^ +rule: COMMAND: applied to [1-9]\d* recorded events$/m)
    expect(status).toBe(0)
  })

  it('--driver FILE.ko loads that file, and refuses one that is loaded already', async () => {
    const path = await recorded(guest)
    const file = guest.driver('pciem_test')
    const refused = await guest.pciem(['replay', path, '--driver', file])
    expect(refused.stderr).toContain('module pciem_test is loaded already; `rmmod pciem_test` first')
    expect(refused.status).not.toBe(0)
    await guest.ok('rmmod pciem_test')
    const wrong = await guest.pciem(['replay', path, '--driver', file, '--ignore', 'NOPE'])
    expect(wrong.stderr).toContain("the trace's device has no register 'NOPE'")
    expect(wrong.status).toBe(2)
    const loaded = await guest.pciem(['replay', path, '--driver', file])
    expect(firstLine(loaded.stdout)).toMatch(/^match/)
    expect(loaded.status).toBe(0)
    // it is taken out again
    await guest.ok('[ ! -e /sys/bus/pci/drivers/pciem_test ]')
  })

  it('a signal ends it, and leaves the machine as it was', async () => {
    const path = await recorded(guest)
    await guest.ok('rmmod pciem_test 2>/dev/null; rm -f /var/tmp/began')
    const workers = 'cat /sys/devices/virtual/workqueue/cpumask'
    const { stdout, stderr } = await guest.run(`
      before=$(${workers})
      bin/pciem replay ${path} --driver ${guest.driver('pciem_test')} -- sh -c 'echo $$ >/var/tmp/began; exec sleep 300' & replay=$!
      until [ -s /var/tmp/began ]; do sleep 0.2; done
      kill -TERM $replay; wait $replay; echo status $?
      [ "$(${workers})" = "$before" ] && echo workers as before
      [ -e /sys/module/pciem_test ] || echo unloaded
      [ -e /proc/$(cat /var/tmp/began) ] || echo command ended`)
    expect(stderr).not.toMatch(/^ +at /m)
    expect(stdout).toBe('status 143\nworkers as before\nunloaded\ncommand ended\n')
    await guest.ok(`rm ${trace}`)
  })
}, { long: true })
