// SPDX-License-Identifier: MIT
// The kernel's own PCI endpoint test, driver and program, which Debian does not build; scripts/endpoint-test.sh does.
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { type Guest, onEachGuest } from '../harness/guest.js'

const trace = '/var/tmp/endpoint-test.pciem'
const pcitest = (guest: Guest) => join(dirname(guest.driver('pci_endpoint_test')), 'pcitest')
const load = (guest: Guest) => guest.ok(`[ -e /sys/bus/pci/drivers/pci-endpoint-test ] || insmod ${guest.driver('pci_endpoint_test')}`)

/** One run of pcitest for each line of arguments; what it printed, blanks closed up. */
async function tested(guest: Guest, lines: readonly string[], options: string[] = []): Promise<string[]> {
  await load(guest)
  const script = lines.map((line) => `${pcitest(guest)} ${line}`).join('\n')
  const { stdout, stderr } = await guest.pciem(['run', 'pci-endpoint-test', ...options, '--', 'sh', '-c', script])
  expect(stderr).toBe('')
  return stdout.trim().split('\n').map((line) => line.replace(/\s+/g, ' ').replace('( ', '('))
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

onEachGuest("the kernel's pci_endpoint_test", (guest) => {
  // It may take minutes, in which the guest is to be heard.
  beforeAll(async () => void (await promisify(execFile)('scripts/endpoint-test.sh', [guest.release], { cwd: projectRoot })))

  it('finds all six BARs to keep what is written, of 32 bits and of 64', async () => {
    const bars = [0, 1, 2, 3, 4, 5]
    expect(await tested(guest, bars.map((bar) => `-b ${bar}`))).toEqual(bars.map((bar) => `BAR${bar}: OKAY`))
    const wide = [0, 2, 4]
    expect(await tested(guest, wide.map((bar) => `-b ${bar}`), ['bars=64'])).toEqual(wide.map((bar) => `BAR${bar}: OKAY`))
  })

  it('gets INTx, each of 32 MSI vectors and each of 32 MSI-X vectors, and none of a kind that is off', async () => {
    const script = ['-i 0 -l', '-i 1', ...upTo(32).map((n) => `-m ${n}`), '-x 1', '-i 2', ...upTo(32).map((n) => `-x ${n}`), '-x 33', '-m 1']
    const lines = await tested(guest, script)
    const intx = expect.stringMatching(/^(LEGACY|INTX) IRQ: OKAY$/) as string
    const setTo = (type: string) => expect.stringMatching(`^SET IRQ TYPE TO ${type}: OKAY$`) as string
    expect(lines).toEqual([
      setTo('(LEGACY|INTX)'), intx,
      setTo('MSI'), ...upTo(32).map((n) => `MSI${n}: OKAY`), 'MSI-X1: NOT OKAY',
      setTo('MSI-X'), ...upTo(32).map((n) => `MSI-X${n}: OKAY`), 'MSI-X33: NOT OKAY', 'MSI1: NOT OKAY',
    ])
  })

  it('writes, reads and copies by DMA, whichever way the interrupt comes', async () => {
    const sizes = [1, 1025, 1024001]
    const transfers = sizes.flatMap((size) => ['-w', '-r', '-c'].map((test) => `${test} -s ${size}`))
    const lines = await tested(guest, [0, 1, 2].flatMap((type) => [`-i ${type}`, ...transfers]))
    expect(lines.filter((line) => line.startsWith('SET'))).toHaveLength(3)
    const results = sizes.flatMap((size) => ['WRITE', 'READ', 'COPY'].map((test) => `${test} (${size} bytes): OKAY`))
    expect(lines.filter((line) => !line.startsWith('SET'))).toEqual([...results, ...results, ...results])
  })

  it('sees that a bit has changed on the way', async () => {
    await load(guest)
    const script = [
      'create pci-endpoint-test', 'start', 'bind',
      'fault dma-read flip=0x10 count=1', `sh ${pcitest(guest)} -w -s 4096 || true`,
      'fault dma-write flip=0x10 count=1', `sh ${pcitest(guest)} -r -s 4096 || true`,
      `sh ${pcitest(guest)} -r -s 4096`,
    ]
    const { stdout, status } = await guest.run('bin/pciem repl - 2>&1', { stdin: script.join('\n') })
    expect(stdout.match(/^(WRITE|READ).*$/gm)?.map((line) => line.replace(/.*\s{2,}|.*\t/, ''))).toEqual(['NOT OKAY', 'NOT OKAY', 'OKAY'])
    expect(status).toBe(0)
  })

  it('does the same in a replay of its recording', async () => {
    await load(guest)
    const script = ['-b 1', '-i 0 -l', '-i 1 -m 3', '-r -s 4096', '-i 2 -x 5', '-r -s 1025'].map((line) => `${pcitest(guest)} ${line} &&`).join(' ')
    await guest.ok(['bin/pciem', 'run', 'pci-endpoint-test', '--force', '--record', trace, '--', 'sh', '-c', `${script} true`])
    await guest.ok(['bin/pciem', 'trace', 'verify', trace])
    const { stdout, status } = await guest.pciem(['replay', trace])
    expect(stdout).toMatch(/^match: \d+ accesses as recorded, \d+ device actions played$/m)
    expect(stdout.match(/OKAY/g)).toHaveLength(9)
    expect(status).toBe(0)
    await guest.ok(`rm ${trace}`)
  })

  it('does the same in a replay of the recording in traces/', async () => {
    await load(guest)
    const { stdout, status } = await guest.pciem(['replay', `traces/pci-endpoint-test-${guest.point.kernel}.pciem`])
    expect(stdout).toMatch(/^match: \d+ accesses as recorded, \d+ device actions played$/m)
    expect(status).toBe(0)
  })
})
