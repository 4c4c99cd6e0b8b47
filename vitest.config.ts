// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config'

// `unit` runs anywhere. `kernel` boots virtual machines, one at a time: two emulated
// guests on one host only make each other's timeouts fire.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**', 'test/vm/boot*.test.ts', 'test/fixtures/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts', 'test/vm/boot*.test.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
