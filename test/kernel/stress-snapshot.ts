// SPDX-License-Identifier: MIT
// What a guest's kernel holds, and what it holds more than before.
import type { Guest } from '../harness/guest.js'

export interface Snapshot {
  /** objects in use and objects a slab, by cache */
  slabs: Map<string, { objects: number; perSlab: number }>
  /** KiB, by the names of /proc/meminfo */
  memory: Map<string, number>
  /** areas, by what made them */
  vmalloc: Map<string, number>
  /** /proc/iomem and the interrupts, which must come back exactly */
  iomem: string
  interrupts: string
}

export async function takeSnapshot(guest: Guest): Promise<Snapshot> {
  const sections = new Map<string, string[]>()
  let lines: string[] = []
  for (const line of (await guest.ok(['sh', 'test/kernel/guest/stress-snapshot.sh'])).split('\n')) {
    if (line.startsWith('== ')) sections.set(line.slice(3), (lines = []))
    else if (line !== '') lines.push(line)
  }
  const rows = (name: string): string[][] => (sections.get(name) ?? []).map((line) => line.split(' '))
  const vmalloc = new Map<string, number>()
  // What is freed stays listed until the kernel purges it.
  for (const [, , by = ''] of rows('vmalloc')) if (by !== 'unpurged') vmalloc.set(by, (vmalloc.get(by) ?? 0) + 1)
  return {
    slabs: new Map(rows('slabs').map(([name = '', objects, perSlab]) => [name, { objects: Number(objects), perSlab: Number(perSlab) }])),
    memory: new Map(rows('memory').map(([name = '', kib]) => [name, Number(kib)])),
    vmalloc,
    iomem: (sections.get('iomem') ?? []).join('\n'),
    interrupts: (sections.get('interrupts') ?? []).join('\n'),
  }
}

// What belongs to files and to the processes of the test itself, not to devices; vmap_area stands for areas
// that are freed but not purged as well: those in use are counted by grownVmalloc().
const others = /^(vmap_area|dentry|.*inode.*|ovl_|9p|p9_|filp|buffer_head|radix_tree_node|xfs|ext4|jbd2|vm_area_struct|anon_vma|maple_node|task_struct|pid|cred|mm_struct|files_cache|sig|sock|.*[uU][nN][iI][xX]|names_cache|lsm_|shmem|bio|request_|scsi|debug_objects|Acpi|trace_)/

/** Caches with an object more for each of `devices` than before: `name +objects`. */
export function grownSlabs(before: Snapshot, after: Snapshot, devices: number, cpus: number): string[] {
  const grown: string[] = []
  for (const [name, { objects, perSlab }] of after.slabs) {
    const more = objects - (before.slabs.get(name)?.objects ?? 0)
    // The slab that a CPU is working on counts as full.
    if (more - cpus * perSlab >= devices && !others.test(name)) grown.push(`${name} +${more}`)
  }
  return grown
}

/** Of lines `name +more` those whose name every round has: what the rest of the system takes once, it does not take in each. */
export function grownInEach(rounds: readonly (readonly string[])[]): string[] {
  const nameOf = (line: string): string => line.replace(/ \+\d+$/, '')
  const [first = [], ...others] = rounds
  return first.filter((line) => others.every((round) => round.some((other) => nameOf(other) === nameOf(line))))
}

/** Who has that many vmalloc areas more than before: `function +areas`. */
export function grownVmalloc(before: Snapshot, after: Snapshot, areas: number): string[] {
  return [...after.vmalloc]
    .map(([by, count]) => ({ by, more: count - (before.vmalloc.get(by) ?? 0) }))
    .filter(({ more }) => more >= areas)
    .map(({ by, more }) => `${by} +${more}`)
}

/** KiB in use for the kernel or for nobody knows what: all but what is free, or is a file's or a process's. */
export function kernelMemory({ memory }: Snapshot): number {
  const of = (name: string): number => memory.get(name) ?? 0
  return of('MemTotal') - of('MemFree') - of('Buffers') - of('Cached') - of('AnonPages') - of('PageTables') - of('KernelStack')
}
