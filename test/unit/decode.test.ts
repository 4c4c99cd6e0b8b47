// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cacheFolder, projectRoot } from '../../src/paths.js'
import { expected, parseObjdump } from './decode/objdump.js'

const modules = ['drivers/nvme/host/nvme.ko', 'drivers/net/ethernet/intel/e1000e/e1000e.ko', 'drivers/ata/ahci.ko', 'drivers/usb/host/xhci-hcd.ko']
const maxOutput = 1 << 28

let folder: string
let decoder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pciem-decode-'))
  decoder = join(folder, 'decode-lines')
  const kernel = join(projectRoot, 'kernel')
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-O1', '-fsanitize=undefined', '-fno-sanitize-recover', '-I', kernel, '-o', decoder, join(projectRoot, 'test/unit/decode/decode-lines.c'), join(kernel, 'decode.c')])
})
afterAll(() => rmSync(folder, { recursive: true }))

function decode(bytes: string[]): string[] {
  return execFileSync(decoder, { input: bytes.join('\n'), maxBuffer: maxOutput, encoding: 'utf8' }).trimEnd().split('\n')
}

/** Modules of the kernels that guests boot, whatever of them is here; PCIEM_DECODE_MODULES=FOLDER: all below it. */
function driverModules(): string[] {
  const all = process.env.PCIEM_DECODE_MODULES
  if (all) return execFileSync('find', [all, '-name', '*.ko'], { encoding: 'utf8' }).trim().split('\n')
  const kernels = join(cacheFolder(), 'kernels')
  if (!existsSync(kernels)) return []
  return readdirSync(kernels).flatMap((release) => modules.map((name) => join(kernels, release, 'lib/modules', release, 'kernel', name)).filter(existsSync))
}

/** Lines on which decoder and objdump differ, and how many they agreed on. */
function compare(file: string): { agreed: number; refused: Map<string, number>; wrong: string[] } {
  const text = execFileSync('objdump', ['-d', '-w', '-M', 'intel', '--insn-width=15', file], { maxBuffer: maxOutput, encoding: 'utf8' })
  const instructions = parseObjdump(text)
  const decoded = decode(instructions.map(({ bytes }) => bytes))
  const refused = new Map<string, number>()
  const wrong: string[] = []
  let agreed = 0
  instructions.forEach((instruction, i) => {
    const should = expected(instruction)
    const [len, op, alu, size, , ...address] = (decoded[i] as string).split(' ')
    const is = decoded[i] === 'refused' ? undefined : `${len} ${op} ${alu} ${size} ${address.join(' ')}`
    const want = should && `${instruction.bytes.length / 2} ${should.op} ${should.alu} ${should.size} ${should.address}`
    if (is !== want) wrong.push(`${instruction.bytes} ${instruction.text}: objdump says ${want}, we say ${is}`)
    else if (is === undefined) refused.set(instruction.mnemonic, (refused.get(instruction.mnemonic) ?? 0) + 1)
    else agreed++
  })
  return { agreed, refused, wrong }
}

describe('the instruction decoder', () => {
  const files = driverModules()

  it.skipIf(!files.length)('agrees with objdump on every memory operand of real drivers', () => {
    const total = files.map((file) => {
      const { agreed, wrong } = compare(file)
      expect(wrong.slice(0, 10), file).toEqual([])
      return agreed
    })
    expect(total.reduce((sum, agreed) => sum + agreed)).toBeGreaterThan(1000)
  }, 600_000)

  it('agrees with objdump on the forms that the test driver runs', () => {
    const object = join(folder, 'forms.o')
    const source = join(folder, 'forms.s')
    const forms = execFileSync('sed', ['-n', 's/^\\tFORM [^"]*"\\(.*\\)"$/\\1/p', join(projectRoot, 'test/drivers/pciem_test/insn_forms.S')], { encoding: 'utf8' })
    execFileSync('sh', ['-c', `cat >"${source}" && as -o "${object}" "${source}"`], { input: forms })
    const { agreed, refused, wrong } = compare(object)
    expect(wrong).toEqual([])
    expect([...refused.keys()].filter((mnemonic) => mnemonic !== 'lea')).toEqual([])
    expect(agreed).toBeGreaterThan(100)
  })

  it('refuses what it must not guess', () => {
    const instructions = {
      'movups xmm0, [rax]': '0f1000',
      'movaps [rax], xmm0': '0f2900',
      'vmovups ymm0, [rax]': 'c5fc1000',
      'push [rax]': 'ff30',
      'pop [rax]': '8f00',
      'call [rax]': 'ff10',
      'mul dword [rax]': 'f720',
      'div byte [rax]': 'f630',
      'lea eax, [rax]': '8d00',
      'mov eax, gs:[rax]': '658b00',
      'mov eax, [eax]': '678b00',
      'popcnt eax, [rax]': 'f30fb800',
      'crc32 eax, dword [rax]': 'f20f38f100',
      'fxsave [rax]': '0fae00',
      'mov eax, ecx': '89c8',
      int3: 'cc',
    }
    expect(decode(Object.values(instructions))).toEqual(Object.values(instructions).map(() => 'refused'))
  })

  it('refuses an instruction that ends too early', () => {
    const whole = ['8b8410785634120f', '48c784c878563412f0debc9a', '66c70534120000cdab', 'a18877665544332211', '0fba6c2401ff'.slice(0, 12)]
    const lengths = decode(whole).map((line) => Number(line.split(' ')[0]))
    expect(lengths.every((length) => length > 0)).toBe(true)
    whole.forEach((bytes, i) => {
      const shorter = Array.from({ length: (lengths[i] as number) - 1 }, (_, n) => bytes.slice(0, 2 * (n + 1)))
      expect(decode(shorter)).toEqual(shorter.map(() => 'refused'))
    })
  })
})
