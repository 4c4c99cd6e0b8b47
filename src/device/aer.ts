// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { UsageError } from '../errors.js'
import { findCapability } from '../pci.js'
import { correctableErrors, uncorrectableErrors } from '../pci/error-bits.js'
import { PCIEM_AER_CORRECTABLE, PCIEM_AER_INJECT, PCIEM_AER_UNCORRECTABLE, STRUCT } from '../uapi.js'
import type { ConfigSpace } from './config-space.js'
import { type SlotFile, sized } from './slot-file.js'

export type ErrorSeverity = 'correctable' | 'nonfatal' | 'fatal'
export const errorSeverities: readonly ErrorSeverity[] = ['correctable', 'nonfatal', 'fatal']

export interface ErrorOptions {
  /** of the status register, by number or by lspci's name; RxErr, CmpltTO or MalfTLP when left out */
  bit?: number | string
  /** four words of the packet at fault, for the header log */
  header?: readonly number[]
}

const usual = { correctable: 0, nonfatal: 14, fatal: 18 } as const
const severityRegister = 0x0c
const layout = STRUCT.pciem_aer_inject

/** The names of the errors of this severity, as lspci has them. */
export function errorNames(severity: ErrorSeverity): string[] {
  return (severity === 'correctable' ? correctableErrors : uncorrectableErrors).map(({ name }) => name)
}

function bitOf(severity: ErrorSeverity, bit: number | string = usual[severity]): number {
  const known = severity === 'correctable' ? correctableErrors : uncorrectableErrors
  const found = known.find(({ name, lsb }) => lsb === bit || name.toLowerCase() === String(bit).toLowerCase())
  if (!found) throw new UsageError(`no ${severity} error '${bit}'; there are ${known.map(({ name, lsb }) => `${lsb} ${name}`).join(', ')}`)
  return found.lsb
}

/** The errors of one function with an 'aer' capability. */
export class Aer {
  constructor(
    private readonly file: SlotFile,
    private readonly func: number,
    private readonly config: ConfigSpace,
  ) {}

  /**
   * Has the function find an error. Which of the uncorrectable ones are fatal is for the severity
   * register to say: its bit is changed if it says otherwise. Returns the message that went to the
   * root port; null if a mask, or an enable bit that is not set, held it back.
   */
  inject(severity: ErrorSeverity, { bit, header = [] }: ErrorOptions = {}): ErrorSeverity | null {
    if (!errorSeverities.includes(severity)) throw new UsageError(`an error is ${errorSeverities.join(', ')}, not '${severity}'`)
    const status = 2 ** bitOf(severity, bit)
    if (severity !== 'correctable') this.setSeverity(status, severity === 'fatal')
    const view = sized(layout)
    view.setUint32(layout.func, this.func, true)
    view.setUint32(layout.severity, severity === 'correctable' ? PCIEM_AER_CORRECTABLE : PCIEM_AER_UNCORRECTABLE, true)
    view.setUint32(layout.status, status, true)
    for (const word of [0, 1, 2, 3]) view.setUint32(layout.header + 4 * word, header[word] ?? 0, true)
    this.file.call(PCIEM_AER_INJECT, view, `${severity} error`, {
      ENOENT: "the function has no AER (or no PCIe) capability; describe it with { type: 'aer' }",
      EINVAL: 'its AER capability does not have this bit',
    })
    return [null, ...errorSeverities][view.getUint32(layout.sent, true)] ?? null
  }

  private setSeverity(status: number, fatal: boolean): void {
    const at = findCapability(this.config.bytes(), 'ECAP_AER')?.offset
    if (at === undefined) return
    const old = this.config.read(at + severityRegister, 4)
    const wanted = (fatal ? old | status : old & ~status) >>> 0
    if (wanted !== old) this.config.write(at + severityRegister, 4, wanted)
  }

  [inspect.custom](): string {
    return `Aer { function ${this.func} }`
  }
}
