/** `guichet flows`: finds flows, shows what happened to one, cancels it. */
import { Console, DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { FlowStatus, StepName } from "../../rpc/CompleteFlow.ts"
import type { EventNumber } from "../../rpc/values/Ids.ts"
import { databaseLayer } from "../app/Foundation.ts"
import { isInUse } from "../database/DatabaseError.ts"
import { commandLine } from "../store/flows/AuditLog.ts"
import { FlowIndex } from "../store/flows/FlowIndex.ts"
import { FlowSteering } from "../store/flows/FlowSteering.ts"
import { lineOf, summaryLines } from "./FlowWords.ts"
import { reportFailure, sentenceOf } from "./Sentence.ts"

/** What was asked for cannot be done; `message` says what to do. */
export class FlowsRefused extends Schema.TaggedError<FlowsRefused>()("FlowsRefused", {
  message: Schema.String
}) {}

const stores = Layer.merge(FlowIndex.layer, FlowSteering.layer).pipe(Layer.provide(databaseLayer))

/** The database of a process that serves is closed to this one, which then says who can do it. */
const withStores = <A, E>(work: Effect.Effect<A, E, FlowIndex | FlowSteering>) =>
  Effect.mapError(Effect.provide(work, stores), (error) =>
    isInUse(error)
      ? new FlowsRefused({
        message: `${sentenceOf(error)} While it serves, an admin finds and cancels flows under ` +
          "/api/orchestration/flows."
      })
      : error)

/** `10m`, `2h` or `3d`: so old a flow is at least. */
const olderThan = Effect.fnUntraced(function* (text: string) {
  const units: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 }
  const match = /^([1-9]\d{0,4})([mhd])$/.exec(text)
  if (match === null) {
    return yield* new FlowsRefused({ message: "--older is a number and m, h or d, such as 10m." })
  }
  const now = yield* DateTime.now
  return DateTime.subtractDuration(now, Duration.seconds(Number(match[1]) * units[match[2]!]!))
})

/** A member that is there when it was asked for. */
const asked = <Name extends string, A>(name: Name, value: Option.Option<A>) =>
  (Option.isSome(value) ? { [name]: value.value } : {}) as { readonly [Key in Name]?: A }

const list = Command.make(
  "list",
  {
    status: Flag.Literals("status", FlowStatus.literals).pipe(Flag.optional),
    event: Flag.Int("event").pipe(Flag.withDescription("The organiser's event number"), Flag.optional),
    guest: Flag.Int("guest").pipe(Flag.withDescription("A guest's number in its event"), Flag.optional),
    payment: Flag.String("payment").pipe(Flag.optional),
    step: Flag.Literals("step", StepName.literals).pipe(
      Flag.withDescription("Flows in which this step is running, or has failed"),
      Flag.optional
    ),
    error: Flag.String("error").pipe(
      Flag.withDescription("The code of the flow's error, or of a step's"),
      Flag.optional
    ),
    older: Flag.String("older").pipe(Flag.withDescription("10m, 2h, 3d: at least so old"), Flag.optional),
    organizer: Flag.String("organizer").pipe(Flag.optional),
    limit: Flag.Int("limit").pipe(Flag.withDefault(50))
  },
  ({ error, event, guest, limit, older, organizer, payment, status, step }) =>
    reportFailure(withStores(Effect.gen(function* () {
      const before = Option.isSome(older) ? Option.some(yield* olderThan(older.value)) : Option.none()
      const page = yield* (yield* FlowIndex).page({
        owner: Option.getOrUndefined(organizer),
        before: undefined,
        limit: Math.min(500, Math.max(1, limit))
      }, {
        ...asked("status", status),
        ...asked("event_id", event as Option.Option<EventNumber>),
        ...asked("guest_id", guest as Option.Option<EventNumber>),
        ...asked("payment_id", payment),
        ...asked("step", step),
        ...asked("error", error),
        ...asked("created_before", before)
      })
      yield* Console.log(summaryLines(page.rows, yield* DateTime.now).join("\n"))
      if (page.more) yield* Console.error("There are more: narrow the search, or give a larger --limit.")
    })))
).pipe(Command.withDescription("Find flows, newest first"))

const timeline = Command.make(
  "timeline",
  { id: Argument.String("id") },
  ({ id }) =>
    reportFailure(withStores(Effect.gen(function* () {
      const { entries, truncated } = yield* (yield* FlowSteering).timeline(id)
      if (entries.length === 0) {
        return yield* new FlowsRefused({ message: `No flow is ${id}: guichet flows list finds them.` })
      }
      yield* Console.log(entries.map(lineOf).join("\n"))
      if (truncated) yield* Console.error("There is more: only the first thousand entries are shown.")
    })))
).pipe(Command.withDescription("What happened to a flow, its job, its payment and its messages"))

const cancel = Command.make(
  "cancel",
  { id: Argument.String("id") },
  ({ id }) =>
    reportFailure(withStores(Effect.gen(function* () {
      if (!(yield* (yield* FlowSteering).cancel(id, commandLine))) {
        return yield* new FlowsRefused({ message: `No flow that has not ended is ${id}.` })
      }
      yield* Console.log(`${id} was asked to end: a core that runs ends it within seconds.`)
    })))
).pipe(Command.withDescription("End a flow and compensate what it has done"))

export const flows = Command.make("flows").pipe(
  Command.withDescription("Complete flows: find, look through, cancel"),
  Command.withSubcommands([list, timeline, cancel])
)
