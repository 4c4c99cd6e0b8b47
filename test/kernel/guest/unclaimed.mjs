// SPDX-License-Identifier: MIT
// A device that no driver claims; with `fails=yes` one that nvme claims, whose model stops by an error at the
// first thing that the driver does.
const NVM_EXPRESS = 0x010802
const UNASSIGNED = 0xff0000

export default {
  name: 'unclaimed',
  driver: 'nvme',
  describe: ({ fails }) => ({
    functions: [
      {
        ids: { vendor: 0x1db7, device: 0x0eff, classCode: fails === 'yes' ? NVM_EXPRESS : UNASSIGNED },
        bars: [{ index: 0, size: 16384 }],
        capabilities: [{ type: 'pcie' }],
      },
    ],
  }),
  attach(slot, { fails }) {
    const close = slot.onEvent(() => {
      if (fails === 'yes') throw new Error('a write too many')
    })
    return { close }
  },
}
