// SPDX-License-Identifier: MIT
// What a driver's access does to a port, in the kernel: 8250 drivers read their FIFO in interrupt
// handlers and under spinlocks, where nobody else could answer on one CPU.
import type { RegisterProgram } from '../../src/index.js'
import { FCR, FIFO_DEPTH, IER, IIR, LCR, LSR, MSR, type PortPlaces } from './registers.js'

/** Ends every program: LSR, what is pending, and the first of it in IIR follow from the rest. r0 stays. */
const FOLLOW = `
    r5 = b[LINE]
    r6 = 0
    if r5 == 0 goto no_error
    r6 |= RLSI
  no_error:
    r3 = l[RX_IN]
    r4 = l[RX_OUT]
    if r3 == r4 goto received_nothing
    r5 |= DR
    r6 |= RDI
  received_nothing:
    r3 = l[TX_IN]
    r4 = l[TX_OUT]
    if r3 != r4 goto sending
    r5 |= IDLE
  sending:
    r3 = b[SENT]
    r6 |= r3
    r3 = b[MSR]
    r3 &= DELTA
    if r3 == 0 goto no_change
    r6 |= MSI
  no_change:
    b[LSR] = r5
    b[PENDING] = r6
    r3 = b[IER]
    r6 &= r3
    r3 = ID_LINE
    if r6 & RLSI goto identified
    r3 = ID_DATA
    if r6 & RDI goto identified
    r3 = ID_SENT
    if r6 & THRI goto identified
    r3 = ID_MODEM
    if r6 & MSI goto identified
    r3 = ID_NONE
  identified:
    r4 = b[FCR_VALUE]
    r4 &= ENABLE
    if r4 == 0 goto no_fifo
    r3 |= ID_FIFO
  no_fifo:
    b[IIR] = r3
`

// With DLAB set, the first three registers are the divisor's, and r1 is 0: the range has one byte.
const banked = (read: boolean, place: string, otherwise: string) => `
    r3 = b[LCR]
    if r3 & DLAB goto divisor
    goto register
  divisor:
    ${read ? `r0 = b[${place}]` : `b[${place}] = r0`}
    goto end
  register:
    ${otherwise}`

const READS = {
  DATA: banked(true, 'DIVISOR', `
    r0 = 0
    r3 = l[RX_IN]
    r4 = l[RX_OUT]
    if r3 == r4 goto end
    r5 = r4
    r5 &= LAST
    r0 = b[RX_FIFO + r5]
    r4 += 1
    l[RX_OUT] = r4
    ${FOLLOW}`),
  IER: banked(true, 'DIVISOR + 1', ''),
  // Reading that all is sent clears that, and nothing else.
  IIR: banked(true, 'DIVISOR + 2', `
    r3 = r0
    r3 &= 0x0f
    if r3 != ID_SENT goto end
    r3 = 0
    b[SENT] = r3
    ${FOLLOW}`),
  LSR: `
    r3 = 0
    b[LINE] = r3
    ${FOLLOW}`,
  MSR: `
    r3 = r0
    r3 &= ~DELTA
    b[MSR] = r3
    ${FOLLOW}`,
}

const WRITES = {
  DATA: banked(false, 'DIVISOR', `
    r3 = l[TX_IN]
    r3 += 1
    l[TX_IN] = r3
    r3 = 0
    b[SENT] = r3
    ${FOLLOW}`),
  // Enabling it interrupts at once if there is nothing left to send.
  IER: banked(false, 'DIVISOR + 1', `
    r3 = b[IER]
    b[IER] = r0
    if r3 & THRI goto follow
    if r0 & THRI goto enabled
    goto follow
  enabled:
    r3 = l[TX_IN]
    r4 = l[TX_OUT]
    if r3 != r4 goto follow
    r3 = THRI
    b[SENT] = r3
  follow:
    ${FOLLOW}`),
  FCR: banked(false, 'DIVISOR + 2', `
    b[FCR_VALUE] = r0
    if r0 & CLEAR_RX goto clear
    goto follow
  clear:
    r3 = l[RX_IN]
    l[RX_OUT] = r3
    r3 = 0
    b[LINE] = r3
  follow:
    ${FOLLOW}`),
}

/** What the model does: it has put bytes into the FIFO, taken all that were sent, changed the line. */
const UPDATES = {
  RX_IN: FOLLOW,
  TX_OUT: `
    r3 = l[TX_IN]
    if r3 != r0 goto follow
    r3 = THRI
    b[SENT] = r3
  follow:
    ${FOLLOW}`,
  LINE: FOLLOW,
}

/** All programs of one port. */
export function portPrograms({ reg, state }: PortPlaces): RegisterProgram[] {
  const { FCR: FCR_VALUE, ...rest } = state
  const names = {
    ...rest, FCR_VALUE,
    LCR: reg.LCR, IER: reg.IER, IIR: reg.IIR, LSR: reg.LSR, MSR: reg.MSR,
    ...IER, ENABLE: FCR.ENABLE, CLEAR_RX: FCR.CLEAR_RX, DLAB: LCR.DLAB, DR: LSR.DR, IDLE: LSR.IDLE, DELTA: MSR.DELTA, LAST: FIFO_DEPTH - 1,
    ID_LINE: IIR.LINE, ID_DATA: IIR.DATA, ID_SENT: IIR.SENT, ID_MODEM: IIR.MODEM, ID_NONE: IIR.NONE, ID_FIFO: IIR.FIFO,
  }
  return [
    ...Object.entries(READS).map(([name, code]) => ({ on: 'read' as const, offset: reg[name as keyof typeof READS], length: 1, code, names })),
    ...Object.entries(WRITES).map(([name, code]) => ({ on: 'write' as const, offset: reg[name as keyof typeof WRITES], length: 1, code, names })),
    ...Object.entries(UPDATES).map(([name, code]) => ({ on: 'update' as const, offset: state[name as keyof typeof UPDATES], length: name === 'LINE' ? 1 : 4, code, names })),
    { on: 'update', offset: reg.MSR, length: 1, code: FOLLOW, names },
  ]
}
