// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { KernelLog, troubleIn } from '../../src/vm/kernel-log.js'

describe('trouble', () => {
  test.each([
    ['panic', '[    1.0] Kernel panic - not syncing: sysrq triggered crash'],
    ['oops', '[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000000'],
    ['oops', '[   12.345678] Oops: 0002 [#1] PREEMPT SMP PTI'],
    ['oops', '[   12.345678] Oops: general protection fault, probably for non-canonical address 0x5b00'],
    ['oops', '[   12.345678] kernel BUG at mm/slub.c:435!'],
    ['oops', '[   12.345678] BUG: unable to handle page fault for address: ffffc90000'],
    ['oops', '[   12.345678] BUG: KASAN: slab-use-after-free in nvme_irq+0x1/0x2'],
    ['oops', '[   12.345678] BUG: Bad page state in process sh  pfn:1234'],
    ['warning', '[   12.345678] WARNING: CPU: 1 PID: 77 at drivers/pci/msi/msi.c:1 f+0x1/0x2'],
    ['warning', '[   12.345678] WARNING: possible circular locking dependency detected'],
    ['warning', '[   12.345678] BUG: scheduling while atomic: sh/77/0x00000002'],
    ['warning', '[   12.345678] BUG: sleeping function called from invalid context at mm/slab.h:1'],
    ['warning', '[  242.345678] INFO: task kworker/0:1:9 blocked for more than 120 seconds.'],
    ['warning', '[   60.345678] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:'],
    ['warning', '[   60.345678] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:77]'],
    ['warning', '[   60.345678] irq 24: nobody cared (try booting with the "irqpoll" option)'],
    ['warning', '[   60.345678] BUG nvme_rq (Not tainted): Objects remaining in nvme_rq on __kmem_cache_shutdown()'],
    ['warning', '[   60.345678] refcount_t: underflow; use-after-free.'],
  ])('of kind %s: %s', (kind, line) => {
    expect(troubleIn(line)).toBe(kind)
  })

  test.each(['[    0.1] Linux version 6.12', '[    9.1] nvme nvme0: Device not ready; aborting reset', '[    0.1] Spectre V2 : WARNING: Spectre v2 mitigation leaves CPU vulnerable'])(
    'is not in: %s',
    (line) => {
      expect(troubleIn(line)).toBeUndefined()
    },
  )
})

describe('the log', () => {
  test('has whole lines, however they came', () => {
    const log = new KernelLog()
    for (const piece of ['[ 1.0] o', 'ne\r\n[ 1.1] tw', 'o\r\nhalf']) log.push(piece)
    expect(log.lines).toEqual(['[ 1.0] one', '[ 1.1] two'])
  })

  test('names the worst of what was said, not the first', () => {
    const log = new KernelLog()
    log.push('[ 1.0] WARNING: CPU: 0\n[ 1.1] BUG: unable to handle page fault\n[ 1.2] Kernel panic - not syncing: Fatal\n')
    expect(log.trouble()).toEqual({ kind: 'panic', line: 'Kernel panic - not syncing: Fatal', index: 2 })
  })

  test('is clean again from a line after the trouble on', () => {
    const log = new KernelLog()
    log.push('[ 1.0] WARNING: CPU: 0\n[ 1.1] fine\n')
    expect(log.trouble(1)).toBeUndefined()
  })

  test('shows its end from before the trouble on', () => {
    const log = new KernelLog()
    for (let i = 0; i < 50; i++) log.push(`[ 1.${i}] ${i === 20 ? 'WARNING: here' : `line ${i}`}\n`)
    const tail = log.tail(30)
    expect(tail[0]).toBe('[ 1.15] line 15')
    expect(tail.at(-1)).toBe('[ 1.49] line 49')
  })
})
