// SPDX-License-Identifier: MIT
// The program in few files, for each of them costs a start: in a guest they come over 9p, one at a time.
import { readdirSync } from 'node:fs'
import { defineConfig } from 'rolldown'

/** What is found by its place: the program, its threads, what runs in guests, what package.json exports, and what tests and measurements take apart. */
const places = [
  'src/cli',
  'src/recorder/worker',
  'src/run/model-worker',
  'src/replay/mutate/guest',
  'src/typescript-loader',
  'src/index',
  'src/typescript',
  'src/trace/index',
  'src/recorder/recorder',
  'src/binding',
  'src/device/sysfs',
  'src/repl/batch',
  'src/repl/commands/index',
  'src/repl/interactive',
  'src/repl/reference',
  'src/repl/session',
  'src/run/drivers',
  'src/run/model-host',
  'src/replay/local',
  'src/trace/event',
  'src/trace/info',
  'src/trace/json',
  'src/trace/reader',
  'src/trace/verify',
  'src/trace/writer',
  'models/nvme/controller',
  'models/nvme/medium',
  'models/nvme/namespace',
  'models/nvme/options',
  'models/nvme/registers',
]
const models = readdirSync('models').flatMap((file) => (file.endsWith('.ts') ? [`models/${file.slice(0, -3)}`] : []))

/** What nearly every start needs, in one piece; the rest is split by who uses it. */
const groups = [
  { name: 'packages', test: /node_modules/ },
  { name: 'library', test: /\/src\/(device|pci|recorder\/(?!worker)|run\/(?!model-worker)|trace\/(?!view|diff)|[a-z]+\.ts)/, minShareCount: 2 },
  { name: 'prompt', test: /\/src\/repl\// },
  { name: 'guests', test: /\/src\/vm\// },
  { name: 'nvme', test: /\/models\/nvme\// },
]

export default defineConfig({
  input: Object.fromEntries([...places, ...models].map((place) => [place, `${place}.ts`])),
  platform: 'node',
  external: ['sucrase'],
  // the prompt's help command loads what the prompt has loaded already
  checks: { ineffectiveDynamicImport: false },
  output: { dir: 'dist', cleanDir: true, entryFileNames: '[name].js', chunkFileNames: 'src/shared/[name].js', sourcemap: true, codeSplitting: { groups } },
})
