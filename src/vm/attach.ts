// SPDX-License-Identifier: MIT
import { constants } from 'node:os'
import { PciemError, exitCodes } from '../errors.js'
import type { GuestCommand } from './guest-command.js'
import { throttled } from './guest-command.js'
import type { VirtualMachine } from './machine.js'
import type { TerminalSize } from './protocol.js'

/** A key that nobody needs three times within a second: the way out of a guest that no longer listens. */
const escapeKey = 0x1d // ^]

/**
 * Runs a command on this process's own streams and returns its status. With a terminal on both
 * sides the command gets one of its own; otherwise its three streams stay what they are. `onEscape`: the
 * guest is to be ended, whatever the command does.
 */
export async function attach(vm: VirtualMachine, argv: string[], onEscape: () => void, timeoutSeconds?: number): Promise<number> {
  const { stdin, stdout, stderr } = process
  const interactive = Boolean(stdin.isTTY && stdout.isTTY)
  const command = vm.start(
    argv,
    { stdin, stdout: throttled(vm.link, stdout), stderr: throttled(vm.link, stderr) },
    interactive ? { terminal: terminalSize(), terminalStderr: Boolean(stderr.isTTY) } : {},
  )
  const release = interactive ? takeTerminal(command, onEscape) : forwardSignals(command, onEscape)
  // Who reads no more ends the writer, as in a local pipe; the listener stays for errors that come late.
  stdout.on('error', () => command.signal(constants.signals.SIGPIPE))
  try {
    return await withTimeout(command, timeoutSeconds)
  } finally {
    release()
    stdin.unref?.()
  }
}

function terminalSize(): TerminalSize {
  return { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 }
}

function takeTerminal(command: GuestCommand, onEscape: () => void): () => void {
  const { stdin, stdout } = process
  const resize = (): void => command.resize(terminalSize())
  let presses: number[] = []
  const watchEscape = (chunk: Buffer): void => {
    for (const byte of chunk) presses = byte === escapeKey ? [...presses.slice(-2), Date.now()] : []
    const first = presses[0]
    if (presses.length === 3 && first !== undefined && Date.now() - first < 1000) onEscape()
  }
  const restore = (): void => void stdin.setRawMode(false)
  stdin.setRawMode(true)
  stdin.on('data', watchEscape)
  stdout.on('resize', resize)
  process.on('exit', restore)
  return () => {
    stdin.off('data', watchEscape)
    stdout.off('resize', resize)
    process.off('exit', restore)
    restore()
  }
}

/** ^C is the command's; a second one ends the guest. */
function forwardSignals(command: GuestCommand, onEscape: () => void): () => void {
  let interrupts = 0
  const interrupt = (): void => {
    if (++interrupts > 1) onEscape()
    else command.signal(constants.signals.SIGINT)
  }
  process.on('SIGINT', interrupt)
  return () => process.off('SIGINT', interrupt)
}

async function withTimeout(command: GuestCommand, seconds: number | undefined): Promise<number> {
  if (seconds === undefined) return await command.exit
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new PciemError(`the command did not end within ${seconds} s`, { code: 'ETIMEDOUT', exitCode: exitCodes.timeout })),
      seconds * 1000,
    )
  })
  try {
    return await Promise.race([command.exit, late])
  } finally {
    clearTimeout(timer)
  }
}
