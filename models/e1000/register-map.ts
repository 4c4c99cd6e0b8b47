// SPDX-License-Identifier: MIT
import type { RegisterMap } from '../../src/pci.js'
import { COUNTER, EEPROM, EEPROM_WORDS, PHY, PHY_REGISTERS, REG } from './registers.js'

const causes = [
  { name: 'TXDW', lsb: 0 },
  { name: 'TXQE', lsb: 1 },
  { name: 'LSC', lsb: 2 },
  { name: 'RXSEQ', lsb: 3 },
  { name: 'RXDMT0', lsb: 4 },
  { name: 'RXO', lsb: 6 },
  { name: 'RXT0', lsb: 7 },
]

const control = [
  { name: 'FD', lsb: 0 },
  { name: 'ASDE', lsb: 5 },
  { name: 'SLU', lsb: 6 },
  { name: 'RST', lsb: 26 },
  { name: 'RFCE', lsb: 27 },
  { name: 'TFCE', lsb: 28 },
  { name: 'VME', lsb: 30 },
  { name: 'PHY_RST', lsb: 31 },
]

const rings = ['R', 'T'].flatMap((side) => {
  const base = side === 'R' ? REG.RDBAL : REG.TDBAL
  return [
    { name: `${side}DBAL`, offset: base, width: 4 },
    { name: `${side}DBAH`, offset: base + 4, width: 4 },
    { name: `${side}DLEN`, offset: base + 8, width: 4 },
    { name: `${side}DH`, offset: base + 0x10, width: 4 },
    { name: `${side}DT`, offset: base + 0x18, width: 4 },
  ] as const
})

/** The registers that the driver uses, and the statistics that this card counts. */
export function registerMap(): RegisterMap {
  return [
    { name: 'CTRL', offset: REG.CTRL, width: 4, fields: control },
    { name: 'CTRL_DUP', offset: REG.CTRL_DUP, width: 4, fields: control },
    {
      name: 'STATUS',
      offset: REG.STATUS,
      width: 4,
      fields: [
        { name: 'FD', lsb: 0 },
        { name: 'LU', lsb: 1 },
        { name: 'FUNC', lsb: 2, bits: 2 },
        { name: 'SPEED', lsb: 6, bits: 2, values: { 0: '10', 1: '100', 2: '1000', 3: '1000' } },
      ],
    },
    {
      name: 'EECD',
      offset: REG.EECD,
      width: 4,
      fields: [
        { name: 'SK', lsb: 0 },
        { name: 'CS', lsb: 1 },
        { name: 'DI', lsb: 2 },
        { name: 'DO', lsb: 3 },
        { name: 'REQ', lsb: 6 },
        { name: 'GNT', lsb: 7 },
        { name: 'PRES', lsb: 8 },
      ],
    },
    { name: 'EERD', offset: REG.EERD, width: 4 },
    { name: 'CTRL_EXT', offset: REG.CTRL_EXT, width: 4 },
    {
      name: 'MDIC',
      offset: REG.MDIC,
      width: 4,
      fields: [
        { name: 'DATA', lsb: 0, bits: 16 },
        { name: 'REG', lsb: 16, bits: 5 },
        { name: 'PHY', lsb: 21, bits: 5 },
        { name: 'OP', lsb: 26, bits: 2, values: { 1: 'write', 2: 'read' } },
        { name: 'READY', lsb: 28 },
        { name: 'ERROR', lsb: 30 },
      ],
    },
    { name: 'VET', offset: REG.VET, width: 4 },
    { name: 'ICR', offset: REG.ICR, width: 4, fields: causes },
    { name: 'ITR', offset: REG.ITR, width: 4 },
    { name: 'ICS', offset: REG.ICS, width: 4, fields: causes },
    { name: 'IMS', offset: REG.IMS, width: 4, fields: causes },
    { name: 'IMC', offset: REG.IMC, width: 4, fields: causes },
    {
      name: 'RCTL',
      offset: REG.RCTL,
      width: 4,
      fields: [
        { name: 'EN', lsb: 1 },
        { name: 'UPE', lsb: 3 },
        { name: 'MPE', lsb: 4 },
        { name: 'LPE', lsb: 5 },
        { name: 'BAM', lsb: 15 },
        { name: 'BSIZE', lsb: 16, bits: 2 },
        { name: 'BSEX', lsb: 25 },
        { name: 'SECRC', lsb: 26 },
      ],
    },
    { name: 'TCTL', offset: REG.TCTL, width: 4, fields: [{ name: 'EN', lsb: 1 }, { name: 'PSP', lsb: 3 }] },
    { name: 'TIPG', offset: 0x410, width: 4 },
    ...rings,
    { name: 'RDTR', offset: 0x2820, width: 4 },
    { name: 'RXDCTL', offset: 0x2828, width: 4 },
    { name: 'RADV', offset: 0x282c, width: 4 },
    { name: 'TIDV', offset: 0x3820, width: 4 },
    { name: 'TXDCTL', offset: 0x3828, width: 4 },
    { name: 'TADV', offset: 0x382c, width: 4 },
    ...Object.entries(COUNTER).map(([name, offset]) => ({ name, offset: REG.STATISTICS + offset, width: 4 as const })),
    { name: 'RXCSUM', offset: 0x5000, width: 4 },
    { name: 'MTA%', offset: REG.MTA, width: 4, count: 128 },
    { name: 'RAL%', offset: REG.RA, width: 4, count: 16, stride: 8 },
    { name: 'RAH%', offset: REG.RA + 4, width: 4, count: 16, stride: 8 },
    { name: 'VFTA%', offset: REG.VFTA, width: 4, count: 128 },
    { name: 'MANC', offset: 0x5820, width: 4 },
    { name: 'PHY%', offset: PHY, width: 2, count: PHY_REGISTERS },
    { name: 'EEPROM%', offset: EEPROM, width: 2, count: EEPROM_WORDS },
  ]
}
