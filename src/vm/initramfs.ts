// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { PciemError } from '../errors.js'
import { CpioArchive } from './cpio.js'
import type { GuestKernel } from './kernels.js'
import { cacheFolder, projectRoot } from '../paths.js'

/** What has to work before the host's file system does; their dependencies follow from modules.dep. */
const bootModules = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay']

/** The initramfs for that kernel: our first process and its modules. Returns its path in the cache. */
export function initramfsFor(kernel: GuestKernel): string {
  return keep(kernel.release, firstProcess(kernel).bytes())
}

/** An archive that holds our first process and the modules that it loads before all else. */
export function firstProcess(kernel: GuestKernel, wanted: readonly string[] = bootModules): CpioArchive {
  const init = join(projectRoot, 'build', 'guest-init')
  if (!existsSync(init)) throw new PciemError(`${init} is not built; run \`make build\` in the project folder`)
  const modules = modulesInOrder(kernel.modules, wanted)
  const archive = new CpioArchive()
  archive.folder('dev')
  archive.folder('proc')
  archive.file('init', readFileSync(init), 0o755)
  archive.folder('modules')
  archive.file('modules/order', Buffer.from(modules.map((path) => `${plainName(path)}\n`).join('')))
  for (const path of modules) archive.file(`modules/${plainName(path)}`, readModule(join(kernel.modules, path)))
  return archive
}

function keep(release: string, bytes: Buffer): string {
  const folder = join(cacheFolder(), 'initramfs')
  const path = join(folder, `${release}-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.cpio`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${path}.${process.pid}`, bytes)
  renameSync(`${path}.${process.pid}`, path)
  return path
}

const plainName = (path: string): string => basename(path).replace(/\.(xz|gz|zst)$/, '')

/** insmod order; what the kernel has built in is left out. */
function modulesInOrder(tree: string, wanted: readonly string[]): string[] {
  const dependencies = new Map<string, string[]>()
  for (const line of readFileSync(join(tree, 'modules.dep'), 'utf8').split('\n')) {
    const [path, rest] = line.split(':')
    if (path && rest !== undefined) dependencies.set(path, rest.trim().split(/\s+/).filter(Boolean))
  }
  const builtin = readFileSync(join(tree, 'modules.builtin'), 'utf8')
  const ordered: string[] = []
  for (const name of wanted) {
    const path = [...dependencies.keys()].find((candidate) => moduleName(candidate) === name)
    if (path) {
      // modules.dep lists a module's needs last first
      for (const need of [path, ...(dependencies.get(path) ?? [])].reverse()) if (!ordered.includes(need)) ordered.push(need)
    } else if (!builtin.split('\n').some((candidate) => moduleName(candidate) === name)) {
      throw new PciemError(`the guest kernel in ${tree} has no ${name}: it cannot share the host's file system`)
    }
  }
  return ordered
}

const moduleName = (path: string): string => plainName(path).replace(/\.ko$/, '').replaceAll('-', '_')

function readModule(path: string): Buffer {
  if (path.endsWith('.xz')) return execFileSync('xz', ['-dc', path], { maxBuffer: 64 << 20 })
  if (path.endsWith('.zst')) return execFileSync('zstd', ['-dcq', path], { maxBuffer: 64 << 20 })
  if (path.endsWith('.gz')) return execFileSync('gzip', ['-dc', path], { maxBuffer: 64 << 20 })
  return readFileSync(path)
}
