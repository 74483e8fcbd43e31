/**
 * The numbers under which Effect's cluster holds its advisory locks in PostgreSQL, as `SqlRunnerStorage.ts` of effect
 * 4.1.0 makes them with the prefix `cluster`: runners of a version that has Effect's own storage, and ours, must never
 * hold one shard at a time. `LockedRunnerStorage.test.ts` fails when Effect makes others.
 */
import { ShardId, ShardingConfig } from "effect/cluster"

/** FNV-1a, 32 bits, of `effect-cluster:cluster`, as a signed integer: the class of every shard's lock. */
export const shardClass: number = (() => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode("effect-cluster:cluster")) {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return hash | 0
})()

/** The class of the locks by which runners are known to live; the number in it is the runner's machine id. */
export const runnerClass = 1_196_770_377

/** The lock's number of each shard that the settings know, by the shard's name `group:number`. */
export const shardNumbers = (config: ShardingConfig.ShardingConfig["Service"]): ReadonlyMap<string, number> =>
  new Map(
    [...ShardingConfig.shardGroupConfig(config).available].flatMap((group, at) =>
      Array.from(
        { length: config.shardsPerGroup },
        (_, nth) => [ShardId.make(group, nth + 1).toString(), (at + 1) * 1_000_000 + nth + 1] as const
      )
    )
  )
