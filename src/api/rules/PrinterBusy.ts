/** A document that cannot be drawn now: 503 with Retry-After. */
import { Effect } from "effect"
import type { ThreadBroken } from "../../durable/ThreadPool.ts"
import { Unavailable } from "../../http/Problems.ts"

const crowded = new Unavailable({
  detail: "Other documents or logos of yours are being worked on; send the request again when they are done.",
  retry_after: 5
})

const broken = new Unavailable({
  detail: "It took so long, or broke, that it was given up; send the request again.",
  retry_after: 5
})

/** The answers to `TooManyWait` and `ThreadBroken`. */
export const printerBusy = {
  TooManyWait: () => Effect.fail(crowded),
  ThreadBroken: ({ reason }: ThreadBroken) =>
    Effect.andThen(Effect.logError("A thread that draws broke", reason), Effect.fail(broken))
}
