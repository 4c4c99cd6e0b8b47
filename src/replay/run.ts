// SPDX-License-Identifier: MIT
//
// One replay: a player for each device of the trace, one command for all of them, one verdict.
import { deviceEnvironment } from '../run/drivers.js'
import { Command, SharedCommand } from './command.js'
import { type ReplayTrace, deviceTraces, onlyDevice, recordedName } from './device-trace.js'
import { type Placement, Workers, placementOf } from './placement.js'
import { type Ending, Player, type ReplayOptions } from './player.js'
import { type Verdict, sumOfCompiled, sumOfCounts } from './verdict.js'

const nowhere: Placement = { probe: undefined, command: undefined }

/**
 * Plays a trace to its drivers once. `report` gets the verdict as soon as it is known: a driver may take
 * a minute to let go of a device that vanished, and this returns when it has. One that was given up has none.
 */
export async function replayOnce(trace: ReplayTrace, options: ReplayOptions, report: (verdict: Verdict) => void): Promise<void> {
  const started = performance.now()
  const placement = trace.header.kernel.cpus > 1 ? placementOf(trace.events()) : nowhere
  const workers = new Workers()
  const players: Player[] = []
  const stop = (): void => players.forEach((player) => player.abort())
  const command = new SharedCommand(trace.header.devices.length, () => {
    workers.keepOn(placement.command)
    return new Command(options.command ?? [], environmentOf(players), { quiet: options.quiet ?? false, cpu: placement.command })
  })
  try {
    for (const [device, one] of deviceTraces(trace).entries()) players.push(new Player(one, options.rules?.[device] ?? [], options, command))
    workers.keepOn(placement.probe)
    options.abort?.addEventListener('abort', stop)
    const worst = await playAll(players, stop)
    if (!worst) return
    const { ending, player } = worst
    report({
      ...ending,
      ...(players.length > 1 && ending.outcome !== 'match' && { device: recordedName(onlyDevice(player.trace.header)) }),
      counts: sumOfCounts(players.map((one) => one.counts())),
      compiled: sumOfCompiled(players.map(({ compiled }) => compiled)),
      ...(command.result && { command: command.result }),
      warnings: options.warnings ?? [],
      milliseconds: Math.round(performance.now() - started),
    })
  } finally {
    options.abort?.removeEventListener('abort', stop)
    workers.free()
    // one after the other: the first error is the one that counts
    for (const player of players) await player.close()
  }
}

/** The first ending that is no match, and whose it is; undefined: it was given up. */
async function playAll(players: readonly Player[], stop: () => void): Promise<{ ending: Ending; player: Player } | undefined> {
  const played = await Promise.all(
    players.map(async (player) => {
      try {
        const ending = await player.play()
        if (ending && ending.outcome !== 'match') stop()
        return { player, ending }
      } catch (error) {
        stop()
        throw error
      }
    }),
  )
  const ended = played.filter((one): one is { player: Player; ending: Ending } => one.ending !== undefined)
  let worst = ended.find(({ ending }) => ending.outcome !== 'match')
  if (worst) return { player: worst.player, ending: await worst.player.judge(worst.ending) }
  if (ended.length < played.length) return undefined
  for (const { player, ending } of ended) {
    const judged = { player, ending: await player.judge(ending) }
    if (!worst || (worst.ending.outcome === 'match' && judged.ending.outcome !== 'match')) worst = judged
  }
  return worst
}

/** As `pciem run` has it, of the first device; of several, PCIEM_BDFS names all. */
function environmentOf(players: readonly Player[]): Record<string, string> {
  const [first] = players
  const bdfs = players.map(({ slot }) => slot.functions[0]?.bdf ?? '')
  return { ...(first && deviceEnvironment(first.slot)), ...(bdfs.length > 1 && { PCIEM_BDFS: bdfs.join(' ') }) }
}
