// SPDX-License-Identifier: MIT
import { commands } from './commands/index.js'

/** The commands as docs/repl.md has them, made from what `help` shows, but for what the examples print: tests keep the two equal. */
export function referenceMarkdown(): string {
  const sections = [...commands.values()].map(({ name, forms, summary, examples }) => {
    const usage = forms.map((form) => `${name} ${form}`.trimEnd())
    return `### ${name}\n\n${capitalised(summary)}.\n\n\`\`\`\n${usage.join('\n')}\n\`\`\`\n\nFor example:\n\n\`\`\`\n${examples.map((line) => `pciem> ${line}`).join('\n')}\n\`\`\`\n`
  })
  return sections.join('\n')
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
