// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { rescanBus } from '../../device/sysfs.js'
import { PciemError, UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'
import { parseCount } from '../number.js'
import { parseArguments } from '../parse.js'

const execute = promisify(execFile)

/** Runs a tool and gives its output; a missing tool is an error that names its package. */
async function tool(file: string, args: string[], debianPackage: string): Promise<string> {
  try {
    const { stdout } = await execute(file, args, { maxBuffer: 64 << 20 })
    return stdout.trimEnd()
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string }
    if (code === 'ENOENT') throw new PciemError(`no ${file} here; \`apt-get install ${debianPackage}\``, { code: 'ENOENT', cause: error })
    throw new PciemError(`${file}: ${stderr?.trim().split('\n')[0] || String(code)}`, { cause: error })
  }
}

const bind: Command = {
  name: 'bind',
  forms: ['[DRIVER] [--timeout SECONDS]'],
  summary: 'bind a driver (a named one even if it does not claim the ids), or wait until one has bound',
  examples: ['bind nvme', 'bind --timeout 30'],
  async run(session, args) {
    const { positional, options } = parseArguments(args, { timeout: 'value' })
    const fn = session.function()
    const timeout = parseCount(String(options.get('timeout') ?? '30'), 'timeout') * 1000
    if (positional[0] !== undefined && fn.driver() !== positional[0]) await fn.bind(positional[0])
    const driver = await fn.waitForDriver(timeout)
    return result(driver, `${fn.bdf} is bound to ${driver}`)
  },
}

const unbind: Command = {
  name: 'unbind',
  forms: [''],
  summary: 'unbind the driver',
  examples: ['unbind'],
  async run(session) {
    const fn = session.function()
    if (fn.driver() === null) throw new UsageError(`${fn.bdf} has no driver bound`)
    await fn.unbind()
    return undefined
  },
}

const reset: Command = {
  name: 'reset',
  forms: [''],
  summary: 'have the PCI core reset the function (FLR, where it has that); its driver is told',
  examples: ['reset'],
  async run(session) {
    await session.function().reset()
    return undefined
  },
}

const rescan: Command = {
  name: 'rescan',
  forms: [''],
  summary: "have the kernel look for devices that are on a bus but not in its list, as after `sh echo 1 >/sys/…/remove`",
  examples: ['rescan'],
  async run() {
    await rescanBus()
    return undefined
  },
}

const lspci: Command = {
  name: 'lspci',
  forms: ['[ARGUMENT…]'],
  summary: "what lspci says of the session's device (-nn -k unless arguments are given)",
  examples: ['lspci', 'lspci -vvv'],
  async run(session, args) {
    const { bdf } = session.function()
    const text = await tool('lspci', ['-s', bdf, '-D', ...(args.length ? args : ['-nn', '-k'])], 'pciutils')
    return result(text, text)
  },
}

const dmesg: Command = {
  name: 'dmesg',
  forms: ['[LINES]'],
  summary: "the newest lines of the kernel's log",
  examples: ['dmesg', 'dmesg 5'],
  async run(_session, args) {
    const count = parseCount(args[0] ?? '20', 'line count')
    const text = (await tool('dmesg', [], 'util-linux')).split('\n').slice(-count).join('\n')
    return result(text.split('\n'), text)
  },
}

export const driverCommands = [bind, unbind, reset, rescan, lspci, dmesg]
