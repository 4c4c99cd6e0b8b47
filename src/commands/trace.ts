// SPDX-License-Identifier: MIT
import type { CommandModule } from 'yargs'
import { UsageError } from '../errors.js'
import { withConvert } from './trace/convert.js'
import { withLook } from './trace/look.js'
import { withMake } from './trace/make.js'
import { withMinimize } from './trace/minimize.js'

export const command: CommandModule = {
  command: 'trace <verb> [file..]',
  describe: 'look into, check and convert traces',
  builder: (yargs) => withMinimize(withConvert(withMake(withLook(yargs)))),
  handler: ({ verb }) => {
    throw new UsageError(`no 'trace ${String(verb)}'; it is info, cat, verify, diff, filter, merge, export, import, view, recover, alter or minimize`)
  },
}
