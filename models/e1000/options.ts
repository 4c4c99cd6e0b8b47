// SPDX-License-Identifier: MIT
import { oneOf, parseOptions } from '../support/options.js'

export interface E1000Options {
  /** cards: the second one is the first one's link partner */
  ports: number
  /** whether both cards have the same interrupt pin, and so share a line */
  shared: boolean
  /** the first card's address; the second has the one behind it */
  mac: Uint8Array | undefined
}

/** For people; parseE1000Options() is what counts. */
export const e1000OptionHelp: Record<keyof E1000Options, string> = {
  ports: 'cards, 1 or 2; 2, with a cable between them',
  shared: 'yes: both cards share an interrupt line; no',
  mac: "the first card's address; 02:e1:00:00:SLOT:00",
}

function yesOrNo(text: string): boolean {
  if (text !== 'yes' && text !== 'no') throw new Error('want yes or no')
  return text === 'yes'
}

function parseMac(text: string): Uint8Array {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) throw new Error('want an address such as 02:e1:00:00:00:00')
  const bytes = Uint8Array.from(text.split(':'), (byte) => parseInt(byte, 16))
  if ((bytes[0] as number) & 1 || bytes[5] === 0xff) throw new Error('want an address of one card, with another one behind it')
  return bytes
}

export function parseE1000Options(raw: Record<string, string>): E1000Options {
  return parseOptions<E1000Options>('e1000', raw, { ports: 2, shared: false, mac: undefined }, { ports: oneOf(1, 2), shared: yesOrNo, mac: parseMac })
}

/** The address of a slot's card: a locally administered one, unless it was chosen. */
export function macOf({ mac }: E1000Options, slot: number, port: number): Uint8Array {
  const bytes = Uint8Array.from(mac ?? [0x02, 0xe1, 0x00, 0x00, slot, 0x00])
  bytes[5] = (bytes[5] as number) + port
  return bytes
}
