// SPDX-License-Identifier: MIT

/** One thing that has to be there, and the command that brings it when it is not. */
export interface Check {
  name: string
  ok: boolean
  /** what was found, or what is wrong */
  found: string
  mend?: string
  /** its absence costs comfort or speed only */
  optional?: boolean
}

export interface Section {
  title: string
  checks: Check[]
}

export const usable = (section: Section): boolean => section.checks.every((check) => check.ok || check.optional)

export function formatReport(sections: Section[]): string {
  return sections.map(formatSection).join('\n')
}

function formatSection(section: Section): string {
  const width = Math.max(...section.checks.map((check) => check.name.length))
  const lines = section.checks.map((check) => {
    const line = `  ${check.ok ? 'ok  ' : check.optional ? 'note' : 'MISS'}  ${check.name.padEnd(width)}  ${check.found}`
    return check.ok || !check.mend ? line : `${line}\n${' '.repeat(10 + width)}mend: ${check.mend}`
  })
  return `${section.title}: ${usable(section) ? 'ready' : 'not ready'}\n${lines.join('\n')}\n`
}
