// SPDX-License-Identifier: MIT
// minimize: the shortest trace that still shows a bug.
import type { Argv } from 'yargs'
import { PciemError, UsageError, exitCodes } from '../../errors.js'
import type { Minimized } from '../../replay/minimize/minimize.js'
import { Interruption } from '../interruption.js'
import { how, type HowArgs, howOf, machine, type MachineArgs, machineOf } from '../replay-options.js'
import { file, type FileArgs, json, output, type OutputArgs, print } from './options.js'
import { progressLine } from '../progress.js'

type MinimizeArgs = FileArgs & OutputArgs & HowArgs & MachineArgs & { json: boolean; '--'?: string[] }

export function withMinimize(yargs: Argv): Argv {
  return yargs.command<MinimizeArgs>({
    command: 'minimize <file>',
    describe: 'find the shortest trace that still shows a bug',
    builder: (y) =>
      machine(how(json(output(file(y)))))
        .usage(
          'pciem trace minimize FILE -o OUT [OPTIONS] [-- CMD]\n\nKeeps the probe and leaves out what the driver and the device did behind it, one causal group after the other, as long as the bug still shows. Each trial has a fresh virtual machine. ' +
            'A trial is a replay, and shows the bug when its verdict is that of the whole trace. With CMD it is that command in the guest, which finds the trace in PCIEM_TRACE: it shows the bug when it exits as with the whole trace, and not with 0.',
        )
        .epilogue('^C keeps the best so far; the same command goes on from there.\nExit status: 0 as short as it gets, 1 the whole trace shows no bug, 2 usage, 4 cannot run here, 65 bad trace, 130 interrupted.') as unknown as Argv<MinimizeArgs>,
    handler: minimize,
  })
}

async function minimize(argv: MinimizeArgs): Promise<void> {
  if (process.env.PCIEM_VM !== undefined) throw new PciemError('each trial needs a virtual machine of its own, and this is one; minimise outside', { exitCode: exitCodes.skipped })
  if (argv.output === argv.file) throw new UsageError('the output must be another file than the trace')
  const request = { ...howOf(argv), times: 1, kernelMismatch: 'ignore' as const, command: true }
  const own = argv['--'] ?? []
  const { commandOracle, replayOracle } = await import('../../replay/minimize/oracle.js')
  const { minimizeTrace } = await import('../../replay/minimize/minimize.js')
  const interruption = new Interruption()
  const progress = progressLine()
  try {
    const machines = { ...machineOf(argv), abort: interruption.signal, onProgress: () => {} }
    const result = await minimizeTrace(argv.file, {
      output: argv.output,
      force: argv.force,
      trials: JSON.stringify([request, machineOf(argv), own]),
      tryOut: own.length > 0 ? commandOracle(own, request.timeout * COMMAND_TIMEOUTS, machines) : replayOracle(request, machines),
      stopped: () => interruption.signal.aborted,
      onTrial: ({ number, events, best }) => progress(`trial ${number}: ${events} events; the shortest so far has ${best}`),
    })
    progress('')
    if (!result.finished) process.exitCode = interruption.status
    if (argv.json) return await print(JSON.stringify({ output: argv.output, ...result }))
    for (const line of linesOf(argv.output, result)) await print(line)
  } finally {
    progress('')
    interruption.stop()
  }
}

/** What came of it, for people. */
export function linesOf(output: string, { after, before, groupsAfter, groupsBefore, trials, bug, finished }: Minimized): string[] {
  if (bug === '') return [`interrupted before the whole trace has shown a bug: ${output} is not written`]
  return [
    `${output}: ${after} of ${before} events, ${groupsAfter} of ${groupsBefore} causal groups behind the probe, after ${trials} trials`,
    `it shows: ${bug}`,
    ...(finished ? [] : ['interrupted: it may get shorter; the same command goes on']),
  ]
}

/** A command may replay several times, and boots nothing. */
const COMMAND_TIMEOUTS = 10
