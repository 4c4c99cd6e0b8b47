// SPDX-License-Identifier: MIT
// Claims that a script inside the guest checks, each a test of its own here.
import { expect, test } from 'vitest'
import type { Guest } from './guest.js'

/** Runs test/kernel/guest/SCRIPT once, with pciem_test loaded, and has one test for each claim that it makes. */
export function testClaims(guest: Guest, script: string, claims: readonly string[]): void {
  let outcomes: Map<string, string | undefined> | undefined

  async function outcomeOf(claim: string): Promise<string | undefined> {
    if (!outcomes) {
      await guest.load('pciem_test')
      const { stdout, stderr } = await guest.run(['node', `test/kernel/guest/${script}`])
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
      outcomes = new Map(lines.map((line) => JSON.parse(line) as { claim: string; error?: string }).map((one) => [one.claim, one.error]))
      expect([...outcomes.keys()], `${stdout}${stderr}`).toEqual(claims)
    }
    return outcomes.has(claim) ? outcomes.get(claim) : 'the guest did not come to it'
  }

  test.each(claims)('%s', async (claim) => {
    expect(await outcomeOf(claim)).toBeUndefined()
  })
}
