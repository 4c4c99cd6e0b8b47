// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { scratch } from '../trace/sample.js'

const pciem = join(projectRoot, 'bin/pciem')
const golden = join(projectRoot, 'test/trace/golden-v1.pciem')
const dir = scratch()
const damaged = dir.path('damaged.pciem')
const cut = dir.path('cut.pciem')
const script = dir.path('script')

interface Ended {
  status: number
  stdout: string
  stderr: string
}

function run(args: string[], stdin = '', env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(pciem, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) => resolve({ status: error ? Number(error.code) : 0, stdout, stderr }))
    child.stdin?.end(stdin)
  })
}

beforeAll(() => {
  if (!existsSync(join(projectRoot, 'dist/src/cli.js'))) throw new Error('bin/pciem is not built; run `npm run build` first')
  const bytes = readFileSync(golden)
  writeFileSync(cut, bytes.subarray(0, bytes.length - 40))
  const second = 6 + bytes.readUInt32BE(1)
  bytes[second + 60]! ^= 0x10
  writeFileSync(damaged, bytes)
})
afterAll(() => dir.remove())

/** One line on stderr, of this form, nothing on stdout, and the status. */
async function refused(args: string[], status: number, message: RegExp, stdin?: string): Promise<void> {
  const ended = await run(args, stdin)
  expect(ended.stderr).toMatch(message)
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(ended.stderr).not.toMatch(/\bat \S+:\d+:\d+/)
  expect(ended.stdout).toBe('')
  expect(ended.status).toBe(status)
}

describe('a wrong command line ends with status 2 and one line that says what is right', () => {
  it.each<[string[], RegExp]>([
    [['frobnicate'], /^pciem: unknown command or file 'frobnicate'; try `pciem --help`$/m],
    [['/no/such/script'], /^pciem: unknown command or file '\/no\/such\/script'/],
    [['--frobnicate'], /^pciem: Unknown argument: frobnicate; try `pciem repl --help`$/m],
    [['repl', '/no/such/script'], /^pciem: cannot read the script \/no\/such\/script: there is no such file; check the name$/m],
    [['repl', projectRoot], /: it is a folder$/m],
    [['-c'], /^pciem: Not enough arguments following: c; try `pciem repl --help`$/m],
    [['run'], /^pciem: an argument is missing: pciem run <model> \[option\.\.\]; try `pciem run --help`$/m],
    [['run', 'nosuchmodel'], /^pciem: no model 'nosuchmodel'; there are .*edu, .*nvme.*, or give a file$/m],
    [['run', 'nvme', 'size=many'], /^pciem: nvme: size=many: want a size/],
    [['replay', 't.pciem', '--pace', 'slow'], /^pciem: Invalid values: Argument: pace, Given: "slow", Choices: "fast", "recorded"; try `pciem replay --help`$/m],
    [['run', 'nvme', '--frobnicate'], /^pciem: Unknown argument: frobnicate; try `pciem run --help`$/m],
    [['record', '-o'], /^pciem: Not enough arguments following: o; try `pciem record --help`$/m],
    [['record', '-o', 'a', '-o', 'b'], /^pciem: --output is given twice; say it once$/m],
    [['trace', 'filter', golden, '--kind', 'irq', '--kind', 'dma', '-o', 'a', '-o', 'b'], /^pciem: --output is given twice; say it once$/m],
    [['replay', golden, '--kernel-mismatch', 'fail', '--kernel-mismatch', 'warn'], /^pciem: --kernel-mismatch is given twice; say it once$/m],
    [['trace', 'cat', golden, '--kind', 'irq', '--kind', 'dma,frob'], /^pciem: no kind 'frob'; there are cfg-read, /],
    [['replay'], /^pciem: an argument is missing: pciem replay <file\.\.>; try/],
    [['replay', '/nonexistent'], /^pciem: cannot read \/nonexistent: there is no such file; check the name$/m],
    [['replay', golden, '--times', '0'], /^pciem: --times needs a whole number from 1 on$/m],
    [['replay', golden, '--kernel', '6.12', '--mem', 'lots'], /^pciem: --mem lots: give a size such as 512M or 2G$/m],
    [['replay', golden, '--smp', '65'], /^pciem: --smp: give a number of CPUs from 1 to 64$/m],
    [['trace'], /^pciem: an argument is missing: pciem trace <verb>/],
    [['trace', 'frobnicate', golden], /^pciem: no 'trace frobnicate'; it is info, cat, verify, diff, filter, merge, export, import, view, recover, alter or minimize$/m],
    [['trace', 'info', '/nonexistent'], /^pciem: cannot read \/nonexistent: there is no such file; check the name$/m],
    [['trace', 'info', projectRoot], /^pciem: cannot read \S+: it is a folder$/m],
    [['trace', 'cat', golden, '--kind', 'frob'], /^pciem: no kind 'frob'; there are cfg-read, /],
    [['trace', 'cat', golden, '--from', 'here'], /^pciem: --from wants the seq of an event/],
    [['trace', 'recover', golden, '-o', golden], /^pciem: the output must be another file/],
    [['trace', 'alter', golden, '-o', damaged, '--event', '1', '--value', '1'], /damaged\.pciem exists already; .*--force/],
    [['trace', 'minimize', golden], /^pciem: Missing required argument: output; try `pciem trace --help`$/m],
    [['trace', 'minimize', golden, '-o', golden], /^pciem: the output must be another file than the trace$/m],
    [['trace', 'minimize', golden, '-o', damaged], /damaged\.pciem exists; say --force, or choose another -o$/m],
    [['trace', 'minimize', golden, '-o', cut, '--driver', 'nvme', '--driver-params', 'a=1'], /^pciem: --driver-params needs the driver's file: --driver FILE\.ko$/m],
    [['replay', golden, '--seed', '1'], /^pciem: --seed is an option of --mutate; say that, too, or leave it out$/m],
    [['replay', golden, '--mutate', '--kinds', 'frob'], /^pciem: --kinds: no 'frob'; there are all-ones, zero, flip, /],
    [['replay', golden, '--mutate', '--mutations', '0'], /^pciem: --mutations needs a whole number from 1 on$/m],
    [['replay', golden, '--record', 'some'], /^pciem: --record some is unknown; use none, new or all$/m],
    [['replay', golden, '--model', 'edu'], /^pciem: --model says who plays the device of --record new and --record all; say one of them, too, or leave it out$/m],
    [['replay', golden, '--record', 'all', '--times', '2'], /^pciem: --record all replays nothing; leave --times out$/m],
    [['replay', golden, '--record', 'new', '--no-command'], /^pciem: --record new replays nothing; leave --no-command out$/m],
    [['replay', golden, '--record', 'new', '--mutate'], /^pciem: --record new replays nothing; leave --mutate out$/m],
    [['replay', golden, '--mutate', '--junit', 'out.xml'], /^pciem: --mutate gives no verdict of a trace, .*; leave --junit out$/m],
    [['replay', golden, damaged, '--mutate'], /^pciem: --mutate takes one trace at a time$/m],
    [['vm', '--deterministic'], /^pciem: --deterministic takes no input, so it needs a command: pciem vm --deterministic -- CMD$/m],
    [['vm', '--deterministic', '--smp', '2', '--', 'true'], /^pciem: --deterministic has one CPU; leave --smp out$/m],
    [['vm', '--deterministic', '--mem', '64M', '--', 'true'], /^pciem: the guest's files are \d+ MiB \(\d+ MiB of them in \S+\), which needs --mem \d+M; or start in a smaller folder$/m],
    [['vm', '--file', '/etc/passwd', '--', 'true'], /^pciem: --file is for --deterministic; other guests see all files$/m],
  ])('pciem %j', async (args, message) => {
    await refused(args, 2, message)
  })
})

describe('a trace that is not whole', () => {
  it.each(['info', 'cat', 'verify'])('with one bit flipped is refused by `trace %s` with 65 and the place', async (verb) => {
    const second = 6 + readFileSync(damaged).readUInt32BE(1)
    const { status, stderr } = await run(['trace', verb, damaged])
    expect(stderr).toMatch(new RegExp(`^pciem: ${damaged}: .* at byte ${second}; \`pciem trace recover\` saves what is whole\n$`))
    expect(status).toBe(65)
  })

  it('cut inside a frame is refused with 65 and the place', async () => {
    await refused(['trace', 'info', cut], 65, /^pciem: \S+cut\.pciem: .* at byte \d+; `pciem trace recover`/)
  })

  it('that is something else altogether is refused at byte 0', async () => {
    await refused(['trace', 'info', pciem], 65, /^pciem: \S+: .* at byte 0; /)
    writeFileSync(dir.path('empty.pciem'), '')
    await refused(['trace', 'info', dir.path('empty.pciem')], 65, /^pciem: \S+ is empty: /)
  })
})

describe('a script stops at its first error with status 1', () => {
  it.each([
    ['frobnicate', /-c:1: no command 'frobnicate'; try `help`$/m],
    ['devcies', /-c:1: no command 'devcies'; did you mean 'devices'\?$/m],
    ['dump 0', /-c:1: no command 'dump'/],
    ['help frobnicate', /-c:1: no command 'frobnicate'/],
    ['bar0+0x14.l', /-c:1: no device yet; try `create nvme`$/m],
    ['bar0+0x14.z', /-c:1: 'bar0\+0x14\.z' is not a BAR register; write bar0\+0x14\.l/],
    ['cfg COMMAND.x', /-c:1: 'COMMAND\.x' is not a config register; write COMMAND\.w/],
    ['create', /-c:1: which model\? e\.g\. `create nvme`/],
    ['create nosuchmodel', /-c:1: no model 'nosuchmodel'; there are .*edu, .*nvme.*/],
    ['create nvme size', /-c:1: 'size' is not KEY=VALUE$/m],
    ['events frob', /-c:1: 'frob' is neither a kind of event \(mmio-write, dma, irq, …\) nor a place \(bar0\+0x1000\.\.0x1fff, bar0\.NAME\)$/m],
    ['nothing.at.all', /-c:1: ReferenceError: nothing is not defined$/m],
    ['throw new Error("mine")', /-c:1: Error: mine$/m],
    ['await Promise.reject(new Error("later"))', /-c:1: Error: later$/m],
    ['let a = ;', /-c:1: Unexpected token ';'$/m],
    ['{', /-c:1: the script ends inside this statement$/m],
    ['sh exit 3', /-c:1: `exit 3` exited with 3$/m],
  ])('%s', async (line, message) => {
    await refused(['-c', line], 1, message)
  })

  it('with the place, and does not come to what is behind it', async () => {
    const text = '# a comment\n6 * 7\n\nfrobnicate\nsh echo reached\n'
    writeFileSync(script, text)
    for (const [args, name] of [[[script], script], [['-'], '<stdin>'], [[], '<stdin>']] as const) {
      const { status, stdout, stderr } = await run([...args], text)
      expect(stdout).toBe('42\n')
      expect(stderr).toBe(`pciem: ${name}:4: no command 'frobnicate'; try \`help\`\n`)
      expect(status).toBe(1)
    }
  })

  it('that JavaScript left for later, too', async () => {
    const { status, stderr } = await run(['-c', 'void setTimeout(() => { throw new Error("late") }, 1)\nsleep 1\nsh echo reached'])
    expect(stderr).toBe('pciem: -c:2: Error: late\n')
    expect(status).toBe(1)
  })
})

it('a replay for which there is no kernel says so, and tries nothing', async () => {
  await refused(['replay', golden, '--kernel', '9.9'], 4, /^pciem: no kernel 9\.9 in /m)
})

it('each trace that a rule does not fit is a result of its own', async () => {
  const { status, stdout } = await run(['replay', golden, damaged, '--ignore', 'NOPE', '--json'], '', { PCIEM_VM: '1' })
  const results = stdout.trim().split('\n').map((line) => JSON.parse(line))
  expect(results).toMatchObject([golden, damaged].map((file) => ({ file, status: 2, headline: expect.stringContaining("no register 'NOPE'") })))
  expect(status).toBe(2)
})

describe.skipIf(existsSync('/dev/pciem'))('without the module, what needs a device says so', () => {
  const absent = /^pciem: (-c:1: )?\/dev\/pciem: no such device: is the module loaded\? run `make load`, or work inside `bin\/pciem vm`$/m
  it.each([
    [['run', 'edu', '--', 'true'], 4],
    [['record', '-o', dir.path('never.pciem')], 4],
    [['record', '-o', dir.path('never.pciem'), '--filter', 'mmio', '--filter', 'irq'], 4],
    [['-c', 'create edu'], 1],
  ])('pciem %j', async (args, status) => {
    await refused(args, status, absent)
    expect(existsSync(dir.path('never.pciem'))).toBe(false)
  })
})
