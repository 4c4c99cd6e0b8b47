// SPDX-License-Identifier: MIT
import { Slot } from '../device/slot.js'
import { ensureDriver } from '../run/drivers.js'
import { ModelHost } from '../run/model-host.js'
import { bareDevice } from './bare.js'
import type { DeviceParts } from './device.js'

/** A device from a model (in a thread of its own), or a bare one that nobody answers for but the session. */
export async function createDevice(name: string, model: string, options: Record<string, string>): Promise<DeviceParts> {
  if (model === 'device') {
    const slot = Slot.create(bareDevice(options))
    return {
      name, model, slot, registers: new Map(),
      start: () => slot.start(),
      close: () => slot.close(),
      play: (take) => void slot.onEvent(take),
    }
  }
  const host = await ModelHost.create(model, options)
  const start = async () => {
    await ensureDriver(host.driver, host.slot.functions[0]?.ids)
    host.start()
  }
  return {
    name, model: host.model, slot: host.slot, registers: host.registers, start,
    close: () => host.close(),
    play: (take, output) => host.onMessage({ gated: take, output }),
    setGate: (ranges) => host.request({ ranges }),
    pass: (event) => host.request({ pass: event }),
    ...(host.takesInput && { input: (bytes, port) => host.request({ input: bytes, port }) }),
  }
}
