// SPDX-License-Identifier: MIT
import type { Command } from './command.js'
import { commands } from './commands/index.js'

/** What each example printed in a real run, by command and example. */
export type Outputs = ReadonlyMap<string, string>

export const outputKey = (command: string, example: string): string => `${command}: ${example}`

/** The commands as docs/repl.md has them, made from what `help` shows; each example with what it printed, if that is given. */
export function referenceMarkdown(outputs: Outputs = new Map()): string {
  return [...commands.values()].map((command) => section(command, outputs)).join('\n')
}

function section({ name, forms, summary, examples }: Command, outputs: Outputs): string {
  const usage = forms.map((form) => `${name} ${form}`.trimEnd())
  const shown = examples.flatMap((example) => [`pciem> ${example}`, outputs.get(outputKey(name, example)) ?? '']).filter((line) => line !== '')
  return `### ${name}\n\n${capitalised(summary)}.\n\n\`\`\`\n${usage.join('\n')}\n\`\`\`\n\nFor example:\n\n\`\`\`\n${shown.join('\n')}\n\`\`\`\n`
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
