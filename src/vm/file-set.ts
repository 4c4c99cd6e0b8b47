// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, readlinkSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { CpioArchive } from './cpio.js'

/** Packages whose programs a command may expect anywhere. */
const packages = ['bash', 'coreutils', 'dash', 'diffutils', 'findutils', 'grep', 'kmod', 'pciutils', 'sed', 'util-linux']
const elfMagic = 0x7f454c46
const programFolders = /^\/(usr\/)?s?bin\//

/** Files of this host, by their paths, as a guest without the host's file system gets them. */
export class FileSet {
  readonly #archive: CpioArchive
  readonly #seen = new Set<string>()
  readonly #programs: string[] = []
  bytes = 0

  constructor(archive: CpioArchive) {
    this.#archive = archive
  }

  /** A file, or a folder with all that `wanted` (given the path below it) lets through; links bring what they point to. */
  add(path: string, wanted: (below: string) => boolean = () => true, root?: string): void {
    const place = this.#enter(path)
    if (place === undefined) return
    const status = lstatSync(place)
    if (status.isDirectory()) {
      for (const name of readdirSync(place).sort()) {
        const inner = join(place, name)
        if (wanted(relative(root ?? place, inner))) this.add(inner, wanted, root ?? place)
      }
    } else if (status.isFile() && !this.#seen.has(place)) {
      const data = readFileSync(place)
      this.#put(place, data, status.mode & 0o7777)
      if (status.mode & 0o111 && data.length > 4 && data.readUInt32BE(0) === elfMagic) this.#programs.push(place)
    }
  }

  /** A folder with all that `wanted` lets through, under another name; there are no links in it. */
  addTree(from: string, to: string, wanted: (below: string) => boolean, root = from): void {
    this.#enterNew(to)
    for (const entry of readdirSync(from, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = join(from, entry.name)
      if (!wanted(relative(root, inner))) continue
      if (entry.isDirectory()) this.addTree(inner, join(to, entry.name), wanted, root)
      else if (entry.isFile()) this.#put(join(to, entry.name), readFileSync(inner), 0o644)
    }
  }

  /** Folders that are there, empty, whatever this host has in them. */
  addEmpty(...paths: string[]): void {
    for (const path of paths) this.#enterNew(path)
  }

  /** The programs of Debian's basic packages, and a shell's surroundings. */
  addSystem(): void {
    const owned = execFileSync('dpkg-query', ['-L', ...packages], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 16 << 20 }).split('\n')
    for (const path of owned.filter((candidate) => programFolders.test(candidate) && existsSync(candidate))) this.add(path)
    for (const path of ['/bin/sh', '/etc/passwd', '/etc/group', '/usr/share/misc/pci.ids', '/usr/lib/locale/C.utf8']) if (existsSync(path)) this.add(path)
  }

  /** The shared libraries of all programs so far; a library is no program. */
  addLibraries(): void {
    const { stdout } = spawnSync('ldd', this.#programs, { encoding: 'utf8', maxBuffer: 64 << 20 })
    const libraries = new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string))
    for (const path of [...libraries].sort()) this.add(path)
  }

  #put(place: string, data: Buffer, mode: number): void {
    this.#seen.add(place)
    this.bytes += data.length
    this.#archive.file(place.slice(1), data, mode)
  }

  /** A folder that this host need not have; those above it are there or are made likewise. */
  #enterNew(path: string): void {
    if (this.#seen.has(path) || path === '/') return
    this.#enterNew(dirname(path))
    this.#seen.add(path)
    this.#archive.folder(path.slice(1))
  }

  /** The path with no link in it, all folders on the way being there; undefined where the file is none. */
  #enter(path: string): string | undefined {
    let place = '/'
    const names = path.split('/').filter(Boolean)
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const next = join(place, name)
      const status = lstatSync(next, { throwIfNoEntry: false })
      if (!status) return undefined
      if (status.isSymbolicLink()) {
        const target = readlinkSync(next)
        if (!this.#seen.has(next)) this.#archive.symlink(next.slice(1), target)
        this.#seen.add(next)
        names.unshift(...resolve(dirname(next), target).split('/').filter(Boolean))
        place = '/'
        continue
      }
      if (status.isDirectory() && !this.#seen.has(next)) {
        this.#seen.add(next)
        this.#archive.folder(next.slice(1), status.mode & 0o7777)
      }
      place = next
    }
    return place
  }
}
