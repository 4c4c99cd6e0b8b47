// SPDX-License-Identifier: MIT

/** What a terminal that knows ASCII alone is shown in place of our few other characters. */
const substitutes: Readonly<Record<string, string>> = {
  '×': 'x', '…': '...', '·': '-', '—': '-', '–': '-', '●': '*', 'µ': 'u', '‘': "'", '’': "'", '“': '"', '”': '"', '−': '-', '─': '-', '→': '->',
}

/** Whether the locale, as the C library reads it, is one of UTF-8. */
export function isUtf8(env: NodeJS.ProcessEnv = process.env): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '')
}

export function asciiOnly(text: string): string {
  return text.replace(/[^\u0000-\u007f]/gu, (char) => substitutes[char] ?? '?')
}
