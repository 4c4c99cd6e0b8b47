// SPDX-License-Identifier: MIT
//
// What a trial is: a replay in a guest of its own, or a command in one.
import { resolve } from 'node:path'
import { PciemError, exitCodes } from '../../errors.js'
import { GuestCrashError } from '../../vm/link.js'
import { bootFor, endAfterOops, replayInVms, type VmRequest } from '../in-vm.js'
import type { ReplayRequest } from '../local.js'
import type { ReplayResult } from '../result.js'
import { plain, signatureOf } from './signature.js'

export type Machines = Pick<VmRequest, 'kernel' | 'smp' | 'memory' | 'abort' | 'onProgress'>

/** Statuses that are the driver's doing; all others say nothing of it. */
const bugs: readonly number[] = [exitCodes.failed, exitCodes.crashed, exitCodes.timeout]
/** The shell's words for a command that cannot be run. */
const unrunnable: readonly number[] = [126, 127]

/** The bug that a replay shows. */
export function replayOracle(request: ReplayRequest, machines: Machines): (trace: string) => Promise<string | undefined> {
  return async (trace) => {
    let found: ReplayResult | undefined
    let refusal: string | undefined
    await replayInVms([trace], request, {
      ...machines,
      jobs: 1,
      onResult: (result) => (found = result),
      onError: (result, message) => {
        refusal = message
        found = result
      },
      onStderr: () => {},
    })
    if (found === undefined || refusal !== undefined) throw new PciemError(refusal ?? 'the replay gave no verdict', { exitCode: exitCodes.skipped })
    return bugs.includes(found.status) ? signatureOf(found) : undefined
  }
}

/** A command's status, which has the trace's path in PCIEM_TRACE. It is killed after `seconds`. */
export function commandOracle(argv: readonly string[], seconds: number, machines: Machines): (trace: string) => Promise<string | undefined> {
  return async (trace) => {
    const vm = await bootFor(trace, machines)
    const unwatch = endAfterOops(vm)
    try {
      const { status, stderr } = await vm.run([...argv], { env: { PCIEM_TRACE: resolve(trace) }, timeout: seconds * 1000 })
      if (unrunnable.includes(status)) throw new PciemError(stderr.trim().split('\n').at(-1) || `'${argv[0]}' cannot be run in the guest`)
      return status === exitCodes.ok ? undefined : `status ${status}`
    } catch (error) {
      if (!(error instanceof GuestCrashError)) throw error
      return `crash: ${plain(error.message)}`
    } finally {
      unwatch()
      await vm.close()
    }
  }
}
