/** The way of a scan into the mailbox of its event: scans that arrive together travel in one message. */
import { Context, Effect, Exit, Layer, Schema, type Tracer } from "effect"
import type { Sharding } from "effect/cluster"
import { Event } from "../../../rpc/Event.ts"
import { type AdmitRequest, batchesAtOnce, batchLimit, type Verdict } from "../../../rpc/Scan.ts"
import { busy, fromCluster, type Unavailable } from "../../http/Problems.ts"
import * as Batching from "../../durable/Batching.ts"
import { EventId } from "../../../rpc/values/Ids.ts"

/** The event could not decide this scan; the reason is in the log of its owner. */
export class ScanUndecided
  extends Schema.TaggedError<ScanUndecided>()("ScanUndecided", { scan_id: Schema.String }) {}

/** Events whose scans are being gathered; an older one begins anew, and what it holds is still answered. */
const kept = 1_024

type EventBatches = Batching.Line<AdmitRequest, Verdict | null, Unavailable>

const decided = (scan: AdmitRequest, verdict: Verdict | null | undefined): Exit.Exit<Verdict> =>
  verdict === null || verdict === undefined
    ? Exit.die(new ScanUndecided({ scan_id: scan.scanId }))
    : Exit.succeed(verdict)

/** While one message of an event is under way, its scans wait here and make up the next one. */
export class ScanBatcher extends Context.Service<ScanBatcher, {
  readonly admit: (scan: AdmitRequest) => Effect.Effect<Verdict, Unavailable>
  /** Any number of scans of one event, decided in their order, others in between; one that breaks stops no other. */
  readonly admitAll: (
    scans: ReadonlyArray<AdmitRequest>
  ) => Effect.Effect<ReadonlyArray<Verdict>, Unavailable>
  /**
   * `admit` without a fiber, and how to wait no longer; undefined, and nothing is done, when no scan of this event has come
   * this way yet.
   */
  readonly put: (
    scan: AdmitRequest,
    reply: (exit: Exit.Exit<Verdict, Unavailable>) => void,
    span?: Tracer.AnySpan
  ) => (() => void) | undefined
}>()("guichet/api/gate/ScanBatcher") {
  static readonly layer: Layer.Layer<ScanBatcher, never, Sharding.Sharding> = Layer.effect(
    ScanBatcher,
    Effect.gen(function* () {
      const event = yield* Event.client
      const events = new Map<EventId, EventBatches>()
      const services = yield* Effect.context<never>()
      yield* Effect.addFinalizer(() =>
        Effect.forEach(events.values(), ({ close }) => close, { discard: true })
      )

      const batchesOf = Effect.fnUntraced(function* (eventId: EventId) {
        const known = events.get(eventId)
        if (known !== undefined) return known
        const opened = Batching.open({
          name: "ScanBatcher.admit",
          limit: batchLimit,
          atOnce: batchesAtOnce,
          answer: (scans: ReadonlyArray<AdmitRequest>) =>
            Effect.catchTag(fromCluster(event(String(eventId)).Admit({ scans })), "GateAway", () => busy(2))
        })
        // It outlives the scan it is opened for, and keeps neither its span and log annotations nor its request.
        const made: EventBatches = yield* Effect.updateContext(
          opened,
          (_scan: Context.Context<never>) => services
        )
        const oldest = events.size < kept ? undefined : events.keys().next().value
        if (oldest !== undefined) events.delete(oldest)
        events.set(eventId, made)
        return made
      })

      const admitAll = Effect.fnUntraced(function* (scans: ReadonlyArray<AdmitRequest>) {
        const exits: Array<Exit.Exit<Verdict>> = []
        for (let from = 0; from < scans.length; from += batchLimit) {
          const group = scans.slice(from, from + batchLimit)
          const { submit } = yield* batchesOf(group[0]!.eventId)
          const answers = yield* submit(group)
          group.forEach((scan, at) => exits.push(decided(scan, answers[at])))
        }
        return yield* Effect.all(exits)
      })

      return ScanBatcher.of({
        admit: (scan) => Effect.map(admitAll([scan]), ([verdict]) => verdict!),
        admitAll,
        put: (scan, reply, span) =>
          events.get(scan.eventId)?.put(
            [scan],
            (exit) => reply(Exit.isSuccess(exit) ? decided(scan, exit.value[0]) : Exit.failCause(exit.cause)),
            span
          )
      })
    })
  )
}
