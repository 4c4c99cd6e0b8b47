// SPDX-License-Identifier: MIT

// What the PCI specification calls things: registers, capabilities, classes, bits.
export { idsOf, modalias } from './pci/ids.js'
export { className, splitClassCode } from './pci/classes.js'
export {
  type Capability,
  capabilityName,
  extendedCapabilityName,
  findCapability,
  walkCapabilities,
} from './pci/capabilities.js'
export { type CapabilityRegister, formatCapabilities, readCapability } from './pci/capability-registers.js'
export { type CapabilityBytes, type LaidOutCapability, capabilityBytes } from './pci/capability-layouts.js'
export {
  type ConfigRegister,
  configRegisterName,
  configRegisterNames,
  decodeConfigRegister,
  findConfigRegister,
} from './pci/config-registers.js'
export {
  type Register,
  type RegisterField,
  type RegisterMap,
  type RegisterPlace,
  decodeFields,
  findRegister,
  formatAccess,
  hexValue,
  locateRegister,
  registerNames,
} from './pci/register-map.js'
