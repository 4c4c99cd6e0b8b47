// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config'

// See test/harness/guest.ts.
const patience = Number(process.env.PCIEM_TEST_PATIENCE || 1)

// `unit` runs anywhere. `view` needs Chromium. `kernel` boots virtual machines: its files run one after the other in one
// process, which keeps its guests up from file to file.
export default defineConfig({
  test: {
    // What an earlier run found does not change the order of this one's files.
    cache: false,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**', 'test/view/**', 'test/vm/boot*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'view',
          include: ['test/view/**/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts', 'test/vm/boot*.test.ts'],
          pool: 'forks',
          isolate: false,
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 600_000 * patience,
          hookTimeout: 600_000 * patience,
        },
      },
    ],
  },
})
