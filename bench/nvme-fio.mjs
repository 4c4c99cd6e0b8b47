// SPDX-License-Identifier: MIT
//
// What the kernel's nvme driver gets out of the model: traps, DMA and interrupts included.
// Runs in a guest, as the command of `pciem run nvme size=128M -- node bench/nvme-fio.mjs [--json]`.
import { execFileSync } from 'node:child_process'

const disk = process.env.PCIEM_BLOCK
if (!disk) {
  console.error('nvme-fio: no PCIEM_BLOCK; run me by `pciem run nvme size=128M -- node bench/nvme-fio.mjs`')
  process.exit(2)
}
const seconds = process.env.SECONDS_EACH ?? '5'

const jobs = [
  { rw: 'randread', bs: '4k', iodepth: 1 },
  { rw: 'randread', bs: '4k', iodepth: 32 },
  { rw: 'randwrite', bs: '4k', iodepth: 1 },
  { rw: 'read', bs: '128k', iodepth: 8 },
  { rw: 'write', bs: '128k', iodepth: 8 },
]

for (const { rw, bs, iodepth } of jobs) {
  const args = ['--name=row', `--filename=${disk}`, `--rw=${rw}`, `--bs=${bs}`, `--iodepth=${iodepth}`]
  const fixed = ['--ioengine=libaio', '--direct=1', '--randseed=1', '--time_based', `--runtime=${seconds}`, '--output-format=json']
  const text = execFileSync('fio', [...args, ...fixed], { encoding: 'utf8' })
  const [job] = JSON.parse(text.slice(text.indexOf('{'))).jobs
  const side = rw.endsWith('read') ? job.read : job.write
  const row = { name: `nvme driver on the model, ${bs} ${rw}, depth ${iodepth}`, perSecond: Math.round(side.iops), mibPerSecond: +(side.bw / 1024).toFixed(1), meanUs: Math.round(side.clat_ns.mean / 1000) }
  if (process.argv.includes('--json')) console.log(JSON.stringify(row))
  else console.log(`${row.name.padEnd(56)} ${String(row.perSecond).padStart(8)} /s ${String(row.mibPerSecond).padStart(7)} MiB/s ${String(row.meanUs).padStart(7)} µs`)
}
