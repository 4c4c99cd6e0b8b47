// SPDX-License-Identifier: MIT
// The serial card, driven by the kernel's own 8250_exar.
import { afterEach, expect, it } from 'vitest'
import { exarWarns, judgeExar } from '../harness/exar.js'
import { onEachGuest } from '../harness/guest.js'
import { onHost } from '../harness/launcher.js'

// What goes out comes back from the far end, in order and whole. The port is open for reading before the writer begins.
const echoed = (bytes: number) => `
stty -F $PCIEM_TTY 115200 raw -echo -crtscts
head -c ${bytes} /dev/urandom >/tmp/uart-sent
exec 4<$PCIEM_TTY
head -c ${bytes} <&4 >/tmp/uart-got & reader=$!
cat /tmp/uart-sent >$PCIEM_TTY
wait $reader
exec 4<&-
cmp /tmp/uart-sent /tmp/uart-got && echo ${bytes} bytes are the same`

onEachGuest('a serial card', (guest) => {
  afterEach(() => judgeExar(guest))

  it('is taken by the unmodified driver, and is a terminal of the kind that it is', async () => {
    const { stdout, status } = await guest.pciem(['run', 'uart', 'ports=4', '--', 'sh', '-c', 'lspci -nks $PCIEM_BDF; cat /proc/tty/driver/serial; stty -F $PCIEM_TTY 9600 && stty -F $PCIEM_TTY'])
    expect(stdout).toMatch(/13a8:0354[^]*Kernel driver in use: exar_serial/)
    expect(stdout.match(/uart:XR17V35X mmio:.* tx:0 rx:0/g)).toHaveLength(4)
    expect(stdout).toMatch(/^speed 9600 baud/m)
    expect(status).toBe(0)
  })

  it('echoes some KiB both ways, byte for byte', async () => {
    const { stdout, stderr, status } = await guest.pciem(['run', 'uart', 'echo=yes', '--', 'sh', '-c', echoed(8192)])
    expect(stderr).toBe('')
    expect(stdout).toBe('8192 bytes are the same\n')
    expect(status).toBe(0)
  })

  it('is a line between the prompt and a program at the terminal, each way, on both ports', async () => {
    const { stdout, stderr, status } = await guest.pciem(['repl', 'test/kernel/guest/uart-prompt.mjs'])
    expect(`${stdout}${stderr}`).toMatch(/^dev0 line 0: ALOUD\\n$/m)
    expect(status).toBe(0)
  })

  it('is unbound and bound again while its ports are open, and works as before', async () => {
    const script = `
exec 3<>$PCIEM_TTY
echo $PCIEM_BDF >/sys/bus/pci/drivers/exar_serial/unbind
exec 3>&-
echo $PCIEM_BDF >/sys/bus/pci/drivers/exar_serial/bind
${echoed(2048)}`
    const { stdout, stderr } = await guest.pciem(['run', 'uart', 'echo=yes', '--', 'sh', '-c', script])
    expect(stderr).toBe('')
    expect(stdout).toBe('2048 bytes are the same\n')
  })

  // In a guest of its own: the driver remembers how a terminal was set when last it was open. On 6.12 the warning is what fails.
  if (!exarWarns(guest)) {
    it('does the same in a replay of the recording in traces/', async () => {
      const { stdout, status } = await onHost('replay', `traces/exar_serial-${guest.point.kernel}.pciem`)
      expect(stdout).toMatch(/^match: \d+ accesses as recorded, \d+ device actions played$/m)
      expect(status).toBe(0)
    })
  }
})
