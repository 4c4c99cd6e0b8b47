// SPDX-License-Identifier: MIT

export type ShowProgress = (text: string) => void

/** One line on stderr that is written over, on a terminal only; '' takes it away. */
export function progressLine({ quiet = false } = {}): ShowProgress {
  if (quiet || !process.stderr.isTTY) return () => {}
  return (text) => void process.stderr.write(`\r\x1b[K${text === '' ? '' : `pciem: ${text} …`}`)
}
