// SPDX-License-Identifier: MIT
import { setTimeout as delay } from 'node:timers/promises'
import { PciemError, UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'
import { compare, expectation, splitComparison } from '../expect.js'
import { asCommand } from '../parse.js'
import { runCommand } from '../run-command.js'

const help: Command = {
  name: 'help',
  forms: ['[COMMAND]'],
  summary: 'this list, or how one command is used',
  examples: ['help', 'help cfg'],
  async run(_session, args) {
    const { commands, findCommand } = await import('./index.js')
    const columns = Math.max(60, process.stdout.columns ?? 100)
    if (args[0] !== undefined) return result(undefined, describe(findCommand(args[0]), columns))
    const lines = [...commands.values()].map((command) => `  ${command.name.padEnd(10)}${wrap(command.summary, columns - 13, 12)}`)
    const value = [...commands.values()].map(({ name, forms, summary, examples }) => ({ name, forms, summary, examples }))
    const others = 'Anything else is JavaScript: slot, fn, config, bar0…, dma, irq, line, log, on(), command(), expect(), sleep() and hexdump() are in scope. `help COMMAND` has examples; Tab completes; `.save FILE` keeps the session as a script.'
    return result(value, `${lines.join('\n')}\n\n${wrap(others, columns - 1, 0)}`)
  },
}

/** Lines of at most `width` characters, the second and later ones indented. */
function wrap(text: string, width: number, indent: number): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    if (lines.at(-1) !== '' && `${lines.at(-1)} ${word}`.length > width) lines.push('')
    lines.push(`${lines.pop()} ${word}`.trimStart())
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}

function describe(command: Command, columns: number): string {
  const forms = command.forms.map((form) => `  ${command.name} ${form}`.trimEnd())
  return [wrap(command.summary, columns - 1, 0), '', ...forms, '', 'Examples:', ...command.examples.map((example) => `  ${example}`)].join('\n')
}

const sleep: Command = {
  name: 'sleep',
  forms: ['SECONDS'],
  summary: 'do nothing for a while',
  examples: ['sleep 0.5'],
  async run(session, args) {
    const seconds = Number(args[0])
    if (!(seconds >= 0)) throw new UsageError('how long? e.g. `sleep 0.5`')
    await delay(seconds * 1000, undefined, { signal: session.cancel }).catch(() => {
      throw new PciemError('cancelled', { code: 'ECANCELED' })
    })
    return undefined
  },
}

const sh: Command = {
  name: 'sh',
  forms: ['LINE'],
  summary: 'run a shell command beside the session; its failure is an error',
  examples: ['sh dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1'],
  raw: true,
  async run(session, [line = '']) {
    if (line === '') throw new UsageError('which command? e.g. `sh ls /dev/nvme*`')
    const status = await session.program('/bin/sh', ['-c', line])
    if (status !== 0) throw new PciemError(`\`${line}\` exited with ${status}`)
    return undefined
  },
}

const expect: Command = {
  name: 'expect',
  forms: ['EXPRESSION', 'REGISTER|COMMAND ==|!=|<|>|<=|>= EXPRESSION'],
  summary: 'fail unless a JavaScript expression is true; to the left of a comparison may stand a register or a command',
  examples: ['expect bar0.CSTS == 1', 'expect cfg VENDOR_ID == 0x1db7', "expect fn.driver() === 'nvme'", 'expect dma.maps().length > 0'],
  raw: true,
  async run(session, [text = '']) {
    const { evaluate } = session
    if (text === '' || !evaluate) throw new UsageError('what? e.g. `expect bar0+0x10.l == 0x1`')
    const comparison = splitComparison(text)
    if (!comparison) {
      expectation(await evaluate(text), text)
      return undefined
    }
    const { commands } = await import('./index.js')
    const words = asCommand(comparison.left, commands)
    const left = words ? (await runCommand(session, words))?.value : await evaluate(comparison.left)
    compare(comparison, left, await evaluate(comparison.right))
    return undefined
  },
}

const quit: Command = {
  name: 'quit',
  forms: [''],
  summary: 'remove the devices and leave',
  examples: ['quit'],
  run(session) {
    session.leave()
    return undefined
  },
}

export const sessionCommands = [help, expect, sleep, sh, quit]
