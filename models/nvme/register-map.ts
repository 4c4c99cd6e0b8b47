// SPDX-License-Identifier: MIT
import type { RegisterMap } from '../../src/pci.js'
import { DOORBELLS, MSIX_PBA, MSIX_TABLE, REG } from './registers.js'

/** BAR 0 by name, for the prompt, traces and reports. */
export function registerMap(queues: number): RegisterMap {
  return [
    {
      name: 'CAP',
      offset: REG.CAP,
      width: 8,
      fields: [
        { name: 'MQES', lsb: 0, bits: 16 },
        { name: 'CQR', lsb: 16 },
        { name: 'AMS', lsb: 17, bits: 2 },
        { name: 'TO', lsb: 24, bits: 8 },
        { name: 'DSTRD', lsb: 32, bits: 4 },
        { name: 'NSSRS', lsb: 36 },
        { name: 'CSS', lsb: 37, bits: 8 },
        { name: 'MPSMIN', lsb: 48, bits: 4 },
        { name: 'MPSMAX', lsb: 52, bits: 4 },
      ],
    },
    {
      name: 'VS',
      offset: REG.VS,
      width: 4,
      fields: [
        { name: 'MJR', lsb: 16, bits: 16 },
        { name: 'MNR', lsb: 8, bits: 8 },
        { name: 'TER', lsb: 0, bits: 8 },
      ],
    },
    { name: 'INTMS', offset: REG.INTMS, width: 4 },
    { name: 'INTMC', offset: REG.INTMC, width: 4 },
    {
      name: 'CC',
      offset: REG.CC,
      width: 4,
      fields: [
        { name: 'EN', lsb: 0 },
        { name: 'CSS', lsb: 4, bits: 3 },
        { name: 'MPS', lsb: 7, bits: 4 },
        { name: 'AMS', lsb: 11, bits: 3 },
        { name: 'SHN', lsb: 14, bits: 2, values: { 0: 'none', 1: 'normal', 2: 'abrupt' } },
        { name: 'IOSQES', lsb: 16, bits: 4 },
        { name: 'IOCQES', lsb: 20, bits: 4 },
      ],
    },
    {
      name: 'CSTS',
      offset: REG.CSTS,
      width: 4,
      fields: [
        { name: 'RDY', lsb: 0 },
        { name: 'CFS', lsb: 1 },
        { name: 'SHST', lsb: 2, bits: 2, values: { 0: 'normal', 1: 'occurring', 2: 'complete' } },
        { name: 'NSSRO', lsb: 4 },
        { name: 'PP', lsb: 5 },
      ],
    },
    { name: 'NSSR', offset: REG.NSSR, width: 4 },
    {
      name: 'AQA',
      offset: REG.AQA,
      width: 4,
      fields: [
        { name: 'ASQS', lsb: 0, bits: 12 },
        { name: 'ACQS', lsb: 16, bits: 12 },
      ],
    },
    { name: 'ASQ', offset: REG.ASQ, width: 8 },
    { name: 'ACQ', offset: REG.ACQ, width: 8 },
    { name: 'SQ%TDBL', offset: DOORBELLS, width: 4, count: queues + 1, stride: 8 },
    { name: 'CQ%HDBL', offset: DOORBELLS + 4, width: 4, count: queues + 1, stride: 8 },
    { name: 'MSIX%_ADDR', offset: MSIX_TABLE, width: 8, count: queues + 1, stride: 16 },
    { name: 'MSIX%_DATA', offset: MSIX_TABLE + 8, width: 4, count: queues + 1, stride: 16 },
    {
      name: 'MSIX%_CTRL',
      offset: MSIX_TABLE + 12,
      width: 4,
      count: queues + 1,
      stride: 16,
      fields: [{ name: 'MASKED', lsb: 0 }],
    },
    { name: 'MSIX_PBA%', offset: MSIX_PBA, width: 8, count: Math.ceil((queues + 1) / 64) },
  ]
}
