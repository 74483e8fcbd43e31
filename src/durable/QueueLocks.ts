/** How long what a killed worker had in hand stays hidden from the next one: seconds, not the default two minutes. */

/**
 * A worker renews its claims every second and loses them five seconds after it was last able to. One that was
 * only slow may then work beside its successor, which every handler of ours bears.
 */
export const queueLocks = { lockRefreshInterval: "1 second", lockExpiration: "5 seconds" } as const
