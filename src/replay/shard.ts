// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'

export interface Shard {
  /** from 1 */
  index: number
  count: number
}

/** '2/5' */
export function parseShard(text: string): Shard {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number)
  if (index === undefined || count === undefined || index < 1 || index > count) {
    throw new UsageError(`--shard ${text}: give the shard and how many there are, such as 2/5`)
  }
  return { index, count }
}

/** Every count-th of the list, whatever its order on the command line: all shards together have each file once. */
export function ofShard(files: readonly string[], { index, count }: Shard): string[] {
  return [...files].sort().filter((_, place) => place % count === index - 1)
}
