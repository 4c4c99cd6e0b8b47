// SPDX-License-Identifier: MIT
//
// A script of the prompt (`pciem repl uart-prompt.mjs`), inside a guest: two ports of a serial card, with a
// program at each terminal that greets, and answers every line in capitals.
import { spawn } from 'node:child_process'
import { terminals } from '../../../dist/src/run/drivers.js'

await command('create uart')
await command('start --wait')
const ttys = terminals(fn.bdf)
expect(ttys.length === 2, 'two terminals')
const programs = ttys.map((tty) => {
  const program = `stty -F ${tty} 115200 raw -echo -crtscts; exec 3<>${tty}; echo ready >&3; while read -r word <&3; do echo "$word" | tr a-z A-Z >&3; done`
  return spawn('sh', ['-c', program], { stdio: 'ignore' })
})
for (const port of [0, 1]) await command(`line wait --port ${port} ready --timeout 60`)
await command(`line send 'hello there\\n'`)
await command('line wait "HELLO THERE" --timeout 60')
line.send('second port\n', 1)
await command('line wait --port 1 "SECOND PORT" --timeout 60')
// More than the FIFO holds, and the other port's is another.
line.read(0)
line.send(`${'x'.repeat(3000)}\n`)
await command(`line wait 'X\\n' --timeout 120`).then((text) => expect(text.trim() === 'X'.repeat(3000), `3000 letters, not ${text.length}`))
expect(line.read(1).toString().trim() === '', 'nothing else on the second port')
line.live = true
await command('line send aloud 0x0a')
await command('line wait ALOUD --timeout 60')
for (const program of programs) program.kill('SIGKILL')
