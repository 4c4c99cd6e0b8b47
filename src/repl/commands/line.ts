// SPDX-License-Identifier: MIT
import { UsageError } from '../../errors.js'
import { type Command, type Result, result } from '../command.js'
import { parseCount } from '../number.js'
import { parseArguments } from '../parse.js'
import type { Session } from '../session.js'
import { printable } from '../line.js'
import { parseSeconds, within } from './events.js'

/** `\r`, `\n`, `\t`, `\\` and `\x1b` as they are in JavaScript. */
function unescaped(word: string): string {
  return word.replace(/\\(?:x([0-9a-fA-F]{2})|([rnt\\]))/g, (_match, code: string | undefined, letter: string) =>
    code === undefined ? ({ r: '\r', n: '\n', t: '\t', '\\': '\\' })[letter]! : String.fromCharCode(Number.parseInt(code, 16)))
}

/** `0x1b` is a byte, everything else is text. */
function bytesOf(words: readonly string[]): Uint8Array {
  if (words.length === 0) throw new UsageError("what? e.g. `line send 'hello\\n'` or `line send 0x03`")
  return Buffer.concat(words.map((word) => (/^0x[0-9a-f]{1,2}$/i.test(word) ? Buffer.of(Number(word)) : Buffer.from(unescaped(word)))))
}

async function waitForText(session: Session, port: number, text: string, seconds: number): Promise<Result> {
  const { line } = session.device()
  const found = () => line.peek(port).includes(text)
  if (!found()) {
    await within<void>(session, seconds, `${JSON.stringify(text)} on line ${port}`, (done) => line.onOutput(() => {
      if (found()) done()
    }))
  }
  return shown(session, port)
}

function shown(session: Session, port: number): Result {
  const bytes = session.device().line.read(port)
  return result(bytes.toString('utf8'), printable(bytes))
}

const line: Command = {
  name: 'line',
  forms: ['[PORT]', 'send [--port PORT] BYTE…|\'TEXT\'', 'wait [--port PORT] "TEXT" [--timeout SECONDS]', 'on|off'],
  summary: 'the far end of a serial port: what the driver’s side has sent since the last look, and what it is to receive (in single quotes with \\r, \\n, \\x1b); `on` shows output as it comes',
  examples: ['line',  "line send 'hello\\n'", 'line send --port 1 0x03', 'line wait "login:" --timeout 30', 'line on'],
  async run(session, args) {
    const { positional, options } = parseArguments(args, { port: 'value', timeout: 'value' })
    const [verb, ...rest] = positional
    const { line } = session.device()
    const port = parseCount(String(options.get('port') ?? '0'), 'port')
    switch (verb) {
      case 'on':
      case 'off':
        line.live = verb === 'on'
        return undefined
      case 'send':
        line.send(bytesOf(rest), port)
        return undefined
      case 'wait': {
        if (rest.length !== 1) throw new UsageError('for what? e.g. `line wait "login:"`')
        return await waitForText(session, port, unescaped(rest[0]!), parseSeconds(String(options.get('timeout') ?? '10')))
      }
      default:
        return shown(session, verb === undefined ? port : parseCount(verb, 'port'))
    }
  },
  words: { PORT: (session) => session.device().line.ports.map(String) },
}

export const lineCommands = [line]
