/** A gate watched live: its journal as it grows, its counters as they change, and never so often that scans wait. */
import {
  Cache,
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  type Scope,
  Stream
} from "effect"
import type { GateScan, GateView } from "../../../rpc/Gate.ts"
import { configuredGate } from "../../../rpc/values/GateName.ts"
import { TooManyRequests } from "../../http/Problems.ts"
import { GateStore, type Look, lookLimit } from "../../store/gate/GateStore.ts"
import { EventId } from "../../../rpc/values/Ids.ts"

/** Watchers of one event in one process. */
export const seats = 50

/** How long a watcher that has seen everything rests. */
const rest = Duration.millis(500)

/** Watchers at the same place share a look that is no older: many cost hardly more than one. */
const shared = Duration.millis(400)

/** A changed gate is shown at most this often, */
const changeMillis = 1_000

/** and an unchanged one at least this often, so that nobody takes an idle stream for a dead one. */
const idleMillis = 15_000

/** A watcher is sent away after this long and asks again, with a token that is looked at again. */
const stay = Duration.minutes(15)

/** What a watcher is sent; `id` is the last scan that it has been sent, and the place to resume after. */
export type Sight =
  | { readonly id: number; readonly event: "scan"; readonly data: GateScan }
  | { readonly id: number; readonly event: "gate"; readonly data: GateView }

interface Place {
  readonly seq: number | null
  readonly behind: boolean
  readonly shown: { readonly mark: string; readonly at: number } | null
}

/** Differs whenever the gate has changed: annulments move the counters, and everything else is a scan. */
const mark = ({ annulled, entered, exited, inside, last_seq, max_attendees, status }: GateView): string =>
  [annulled, entered, exited, inside, last_seq, max_attendees, status].join(" ")

const isDue = ({ shown }: Place, view: GateView, now: number): boolean =>
  shown === null || now - shown.at >= idleMillis ||
  (now - shown.at >= changeMillis && mark(view) !== shown.mark)

/** What someone limited to gates sees: the totals, and these gates. */
export const viewOf = (view: GateView, gates: ReadonlyArray<string> | undefined): GateView =>
  gates === undefined
    ? view
    : { ...view, gates: view.gates.filter(({ gate }) => configuredGate(gates, gate) !== undefined) }

const sights = (place: Place, { scans, view }: Look, now: number, gates?: ReadonlyArray<string>) => {
  const behind = scans.length === lookLimit
  const seq = behind ? scans[lookLimit - 1]!.seq : view.last_seq
  const seen = gates === undefined
    ? scans
    : scans.filter(({ gate }) => configuredGate(gates, gate) !== undefined)
  const events = seen.map((scan): Sight => ({ id: scan.seq, event: "scan", data: scan }))
  if (behind || !isDue(place, view, now)) return { events, next: { ...place, seq, behind } }
  const gate: Sight = { id: seq, event: "gate", data: viewOf(view, gates) }
  return { events: [...events, gate], next: { seq, behind, shown: { mark: mark(view), at: now } } }
}

/**
 * First what came after `after` (nothing when it is null) and the gate as it then stands; from there on each scan, and
 * the gate after changes: it always stands as of the last scan that was sent. Ends after 15 minutes.
 */
export const watch = (
  look: (after: number | null) => Effect.Effect<Option.Option<Look>>,
  after: number | null,
  gates?: ReadonlyArray<string>
): Stream.Stream<Sight> =>
  Stream.paginate<Place, Sight>(
    { seq: after, behind: true, shown: null },
    (place) =>
      Effect.gen(function* () {
        if (!place.behind) yield* Effect.sleep(rest)
        const looked = yield* Effect.withTracerEnabled(look(place.seq), false)
        if (Option.isNone(looked)) return [[], Option.none()] as const
        const { events, next } = sights(place, looked.value, yield* Clock.currentTimeMillis, gates)
        return [events, Option.some(next)] as const
      })
  ).pipe(Stream.interruptWhen(Effect.sleep(stay)))

const crowded = new TooManyRequests({
  detail: `${seats} others watch this gate here: wait as long as Retry-After says, then ask again.`,
  retry_after: 15
})

class Asked extends Data.Class<{ readonly eventId: EventId; readonly after: number | null }> {}

/** The watchers of this process. */
export class LiveGate extends Context.Service<LiveGate, {
  /** Takes a seat until the scope closes; 429 when there is none. */
  readonly watch: (
    eventId: EventId,
    after: number | null,
    gates: ReadonlyArray<string> | undefined
  ) => Effect.Effect<Stream.Stream<Sight>, TooManyRequests, Scope.Scope>
}>()("guichet/api/gate/LiveGate") {
  static readonly layer: Layer.Layer<LiveGate, never, GateStore> = Layer.effect(
    LiveGate,
    Effect.gen(function* () {
      const store = yield* GateStore
      const taken = new Map<EventId, number>()

      const looks = yield* Cache.makeWith(({ after, eventId }: Asked) => store.look(eventId, after), {
        capacity: 1_024,
        timeToLive: (exit) => Exit.isSuccess(exit) ? shared : Duration.zero
      })

      const take = (eventId: EventId) =>
        Effect.suspend(() => {
          const others = taken.get(eventId) ?? 0
          if (others >= seats) return Effect.fail(crowded)
          return Effect.sync(() => void taken.set(eventId, others + 1))
        })

      const leave = (eventId: EventId) =>
        Effect.sync(() => {
          const others = (taken.get(eventId) ?? 1) - 1
          if (others === 0) taken.delete(eventId)
          else taken.set(eventId, others)
        })

      return LiveGate.of({
        watch: (eventId, after, gates) =>
          Effect.as(
            Effect.acquireRelease(take(eventId), () => leave(eventId)),
            watch(
              (seq) => Cache.get(looks, new Asked({ eventId, after: seq })),
              after,
              gates
            )
          )
      })
    })
  )
}
