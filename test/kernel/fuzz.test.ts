// SPDX-License-Identifier: MIT
// A short slice of `make fuzz`, from a seed that stays, on the kernels of every run.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { onEachGuest } from '../harness/guest.js'

const out = join(projectRoot, 'build/fuzz')

// A kernel that has been hurt is nobody else's: the guest is its own.
onEachGuest(
  'random calls from four threads',
  (guest) => {
    it('end without a complaint of the kernel', async () => {
      execFileSync('make', ['-s', '-C', join(projectRoot, 'test/fuzz'), `OUT=${out}`])
      await guest.load('pciem_test')
      // A reset may wait a minute for a device that is gone (always on Linux 6.1), and a round for the reset.
      const { stdout } = await guest.run([join(out, 'fuzz'), '--seed', '1', '--ops', '400', '--seconds', '30'])
      expect(stdout).toMatch(/^\d+ rounds of 400 operations, seeds up to \d+: nothing$/m)
    })

    it('leave the module free to go', async () => {
      expect(await guest.ok('rmmod pciem_test && rmmod pciem && ! ls /sys/bus/pci/devices | grep "^f"')).toBe('')
    })
  },
  { fresh: true },
)
