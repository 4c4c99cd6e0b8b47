// SPDX-License-Identifier: MIT
// A device that no driver claims. With `fails=yes` its model stops by an error as soon as its config space is written.
export default {
  name: 'unclaimed',
  driver: 'nvme',
  describe: () => ({
    functions: [
      {
        ids: { vendor: 0x1db7, device: 0x0eff, classCode: 0xff0000 },
        bars: [{ index: 0, size: 4096 }],
        capabilities: [{ type: 'pcie' }],
      },
    ],
  }),
  attach(slot, options) {
    const fail = () => {
      throw new Error('a write too many')
    }
    const close = slot.onEvent((event) => {
      if (options.fails === 'yes') fail(event)
    })
    return { close }
  },
}
