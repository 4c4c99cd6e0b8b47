// SPDX-License-Identifier: MIT
import { UsageError } from '../../errors.js'
import { Slot } from '../../device/slot.js'
import { loadModel, modelNames, modelOptions } from '../../model.js'
import { type Command, result } from '../command.js'
import { hex, parseCount } from '../number.js'
import { parseArguments } from '../parse.js'
import type { Session } from '../session.js'

const create: Command = {
  name: 'create',
  forms: ['MODEL [KEY=VALUE…]', 'device vendor=ID device=ID [class=ID] [barN=SIZE[:sync|:direct]…] [rom=SIZE] [vectors=N] [caps=NAME[:OPTION[=VALUE]]…[,NAME…]] [bus=host] [msi=N] [intx=A] [dma=soft|dma=direct]'],
  summary: "create a device from a model (`models` lists them and their options), or a bare one that you play by hand; `start` lets drivers see it",
  examples: ['create nvme size=64M', 'create device vendor=0x1234 device=0x11e8 bar0=4K:sync vectors=4', 'create device vendor=0x1234 device=0x11e9 bar0=4K msi=8 intx=A', 'create device vendor=0x1234 device=0x11e8 bar0=4K caps=pcie:speed=16:width=8,aer,dsn:serial=0x1122334455667788'],
  async run(session, args) {
    const [model, ...options] = args
    if (model === undefined) throw new UsageError('which model? e.g. `create nvme`, or `create device vendor=0x1234 device=0x5678 bar0=4K`')
    const device = await session.create(model, parseOptions(options))
    return result({ device: device.name, bdf: device.fn.bdf }, `${device.name} is ${device.model} at ${device.fn.bdf}; \`start\` lets drivers bind`)
  },
  words: {
    'KEY=VALUE': async (_session, [model = '', ...given]) => {
      const keys = Object.keys(modelOptions(await loadModel(model)))
      return keys.map((key) => `${key}=`).filter((key) => !given.some((word) => word.startsWith(key)))
    },
  },
}

const models: Command = {
  name: 'models',
  forms: ['[MODEL]'],
  summary: 'the models that there are, with their drivers and options, or what the options of one mean',
  examples: ['models', 'models nvme'],
  async run(_session, [name]) {
    const loaded = await Promise.all((name === undefined ? modelNames() : [name]).map(loadModel))
    const value = loaded.map((model) => ({ name: model.name, driver: model.driver, options: modelOptions(model) }))
    const lines = value.flatMap(({ name: model, driver, options }) =>
      name === undefined
        ? [`${model.padEnd(18)} driver ${driver.padEnd(18)} ${Object.keys(options).map((key) => `${key}=`).join(' ')}`]
        : [`${model}, for the driver ${driver}`, ...Object.entries(options).map(([key, help]) => `  ${`${key}=`.padEnd(10)}${help}`)],
    )
    return result(name === undefined ? value : value[0], lines.join('\n'))
  },
}

function parseOptions(words: string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=')
      if (at < 1) throw new UsageError(`'${word}' is not KEY=VALUE`)
      return [word.slice(0, at), word.slice(at + 1)]
    }),
  )
}

const start: Command = {
  name: 'start',
  forms: ['[--wait [--timeout SECONDS]]'],
  summary: 'let drivers see the device; with --wait, until one has bound',
  examples: ['start --wait'],
  async run(session, args) {
    const { options } = parseArguments(args, { wait: 'flag', timeout: 'value' })
    const device = session.device()
    await device.start()
    if (!options.has('wait')) return undefined
    const driver = await device.fn.waitForDriver(parseCount(String(options.get('timeout') ?? '60'), 'timeout') * 1000)
    return result(driver, `${device.fn.bdf} is bound to ${driver}`)
  },
}

const devices: Command = {
  name: 'devices',
  forms: ['', 'all'],
  summary: "list the session's devices, or every synthetic device of this machine",
  examples: ['devices', 'devices all'],
  run(session, args) {
    if (args[0] === 'all') {
      const slots = Slot.list()
      const text = slots.map((slot) => `slot ${slot.slot}  ${slot.state}  domain ${hex(slot.domain)}  pid ${slot.ownerPid} (${slot.ownerComm})`)
      return result(slots, text.join('\n') || 'no synthetic device on this machine')
    }
    const rows = session.devices.map((device) => {
      const { bdf } = device.fn
      return { name: device.name, bdf, model: device.model, state: device.slot.info().state, driver: device.fn.driver(), current: device === session.current }
    })
    const text = rows.map((row) => `${row.current ? '*' : ' '} ${row.name}  ${row.bdf}  ${row.model}  ${row.state}  ${row.driver ?? '(no driver)'}`)
    return result(rows, text.join('\n') || 'no device yet; try `create nvme`')
  },
}

const use: Command = {
  name: 'use',
  forms: ['DEVICE'],
  summary: 'make a device the one that the other commands mean',
  examples: ['use dev1'],
  run(session, args) {
    if (args[0] === undefined) throw new UsageError('which device? e.g. `use dev1`; `devices` lists them')
    session.use(args[0])
    return undefined
  },
}

const remove: Command = {
  name: 'remove',
  forms: ['[DEVICE] [--surprise]'],
  summary: 'take a device off the bus, its driver first; --surprise pulls it out from under the driver',
  examples: ['remove', 'remove dev0 --surprise'],
  async run(session, args) {
    const { positional, options } = parseArguments(args, { surprise: 'flag' })
    if (positional[0] !== undefined) session.use(positional[0])
    await session.remove(session.device(), options.has('surprise'))
    return undefined
  },
}

const mark: Command = {
  name: 'mark',
  forms: ['TEXT'],
  summary: "put a mark into the device's stream of transactions",
  examples: ['mark before the reset'],
  raw: true,
  run(session, [text = '']) {
    if (text === '') throw new UsageError('which text? e.g. `mark before the reset`')
    session.device().slot.mark(text)
    return undefined
  },
}

export const deviceCommands: Command[] = [create, models, start, devices, use, remove, mark]
