// SPDX-License-Identifier: MIT
// resource-mmap.mjs BDF: maps the edu device's BAR 0 through sysfs, as a userspace driver would.
import * as binding from '../../../dist/src/binding.js'

const bdf = process.argv[2]
const direct = { offset: 0x2000, length: 0x2000 }

/** A view of a range of the BAR, or why there is none. */
function map({ offset, length }) {
  const fd = binding.open(`/sys/bus/pci/devices/${bdf}/resource0`)
  try {
    return new Uint32Array(binding.mmap(fd, length, offset, true))
  } catch (error) {
    return error.code
  } finally {
    binding.close(fd)
  }
}

const one = map(direct)
const other = map(direct)
one[5] = 0x12345678
console.log(JSON.stringify({ direct: other[5] === 0x12345678, trapped: map({ offset: 0x1000, length: 0x1000 }), both: map({ offset: 0x1000, length: 0x2000 }), whole: map({ offset: 0, length: 0x10000 }) }))
