// SPDX-License-Identifier: MIT
import { closeSync, existsSync, openSync, readSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { PciemError, UsageError } from '../errors.js'
import { cacheFolder, projectRoot } from '../paths.js'

export interface GuestKernel {
  /** as in `uname -r` */
  release: string
  image: string
  /** the guest's /lib/modules/<release> */
  modules: string
}

/** Where `make build` leaves the module for that kernel. */
export function moduleFor(release: string): string {
  return join(projectRoot, 'build', `kernel-${release}`, 'pciem.ko')
}

/** A series (6.1), a release in the cache (the debug kernel only by its whole name), a folder with boot/ and lib/modules/, or a bzImage. */
export function findKernel(spec: string, cache = cacheFolder()): GuestKernel {
  return spec.includes('/') ? kernelAt(resolve(spec)) : kernelInCache(spec, cache)
}

function kernelInCache(spec: string, cache: string): GuestKernel {
  const folder = join(cache, 'kernels')
  const releases = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((release) => release === spec || release.startsWith(`${spec}.`))
    .filter((release) => existsSync(join(folder, release, '.complete')) || (release === spec && existsSync(join(folder, release, '.debug'))))
    .sort(compareReleases)
  const release = releases.at(-1)
  if (!release) {
    if (!/^\d+\.\d+/.test(spec)) throw new UsageError(`--kernel ${spec}: give a series such as 6.12, or a path to a kernel image`)
    throw new PciemError(`no kernel ${spec} in ${folder}; run \`make setup\` (or \`scripts/guest-kernel.sh ${spec}\`) in the project folder`)
  }
  return kernelInTree(join(folder, release), release)
}

function kernelInTree(tree: string, release: string): GuestKernel {
  // The unwrapped image boots seconds sooner where it is there.
  const image = [`vmlinux-${release}`, `vmlinuz-${release}`].map((name) => join(tree, 'boot', name)).find((path) => existsSync(path))
  if (!image) throw new PciemError(`${tree} has no boot/vmlinuz-${release}; remove that folder and run \`make setup\``)
  return { release, image, modules: join(tree, 'lib', 'modules', release) }
}

function kernelAt(path: string): GuestKernel {
  if (!existsSync(path)) throw new UsageError(`--kernel ${path}: no such file`)
  if (statSync(path).isDirectory()) {
    const release = existsSync(join(path, 'lib/modules')) ? readdirSync(join(path, 'lib/modules')).sort(compareReleases).at(-1) : undefined
    if (!release) throw new UsageError(`--kernel ${path}: a folder must hold boot/vmlinuz-RELEASE and lib/modules/RELEASE`)
    return kernelInTree(path, release)
  }
  const release = releaseOfImage(path)
  const candidates = [join(dirname(dirname(path)), 'lib/modules', release), join('/lib/modules', release)]
  const modules = candidates.find((folder) => existsSync(join(folder, 'modules.dep')))
  if (!modules) throw new PciemError(`--kernel ${path}: no modules of ${release} in ${candidates.join(' or ')}; run make modules_install there`)
  return { release, image: path, modules }
}

/** The version string that a bzImage's set-up header points to (x86 boot protocol, 0x20e). */
export function releaseOfImage(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(64 << 10)
    const length = readSync(fd, head, 0, head.length, 0)
    const offset = length > 0x210 && head.toString('latin1', 0x202, 0x206) === 'HdrS' ? head.readUInt16LE(0x20e) + 0x200 : 0
    const release = offset ? /^[^\s\0]+/.exec(head.toString('latin1', offset, offset + 128))?.[0] : undefined
    if (!release) throw new UsageError(`--kernel ${path}: not an x86 bzImage`)
    return release
  } finally {
    closeSync(fd)
  }
}

/** Debian's releases order by their numbers: 6.1.0-9 before 6.1.0-56. */
export function compareReleases(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
