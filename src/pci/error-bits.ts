// SPDX-License-Identifier: MIT
import { type RegisterField, bit } from './register-map.js'

// The errors of advanced error reporting (PCIe 7.8.4), by the names that lspci has for them.

export const uncorrectableErrors: RegisterField[] = [
  bit('DLP', 4),
  bit('SDES', 5),
  bit('TLP', 12),
  bit('FCP', 13),
  bit('CmpltTO', 14),
  bit('CmpltAbrt', 15),
  bit('UnxCmplt', 16),
  bit('RxOF', 17),
  bit('MalfTLP', 18),
  bit('ECRC', 19),
  bit('UnsupReq', 20),
  bit('ACSViol', 21),
  bit('UncorrIntErr', 22),
  bit('BlockedTLP', 23),
  bit('AtomicOpBlocked', 24),
  bit('TLPBlockedErr', 25),
  bit('PoisonTLPBlocked', 26),
]

export const correctableErrors: RegisterField[] = [
  bit('RxErr', 0),
  bit('BadTLP', 6),
  bit('BadDLLP', 7),
  bit('Rollover', 8),
  bit('Timeout', 12),
  bit('AdvNonFatalErr', 13),
  bit('CorrIntErr', 14),
  bit('HeaderOF', 15),
]
