// SPDX-License-Identifier: MIT

// The drive has always been at room temperature: a recording of it must repeat.
export const COMPOSITE_KELVIN = 300
export const COMPOSITE_WARNING_KELVIN = 343
export const COMPOSITE_CRITICAL_KELVIN = 353
const TEMPERATURE_WARNING = 1 << 1

/** What the SMART log counts. Nothing here depends on time. */
export class Health {
  reads = 0n
  writes = 0n
  bytesRead = 0n
  bytesWritten = 0n
  mediaErrors = 0n
  errorLogEntries = 0n

  countRead(bytes: number): void {
    this.reads++
    this.bytesRead += BigInt(bytes)
  }

  countWrite(bytes: number): void {
    this.writes++
    this.bytesWritten += BigInt(bytes)
  }

  /** SMART / Health Information (NVMe 1.4, figure 194). */
  smartLog(temperatureWarning: boolean): Uint8Array {
    const bytes = new Uint8Array(512)
    const view = new DataView(bytes.buffer)
    bytes[0] = temperatureWarning ? TEMPERATURE_WARNING : 0
    view.setUint16(1, COMPOSITE_KELVIN, true)
    bytes[3] = 100 // available spare, and the threshold of its warning
    bytes[4] = 10
    view.setBigUint64(32, dataUnits(this.bytesRead), true)
    view.setBigUint64(48, dataUnits(this.bytesWritten), true)
    view.setBigUint64(64, this.reads, true)
    view.setBigUint64(80, this.writes, true)
    view.setBigUint64(112, 1n, true) // power cycles
    view.setBigUint64(160, this.mediaErrors, true)
    view.setBigUint64(176, this.errorLogEntries, true)
    return bytes
  }
}

/** Thousands of 512 bytes, rounded up. */
function dataUnits(bytes: bigint): bigint {
  return (bytes + 511_999n) / 512_000n
}
