/** `guichet messages`: dead letters and the addresses that nothing is sent to. What is marked here is sent by whoever serves. */
import { Console, DateTime, Effect, Layer, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { databaseLayer } from "../app/Foundation.ts"
import { isInUse } from "../database/DatabaseError.ts"
import { DeadLetters, type Letter } from "../store/notifications/DeadLetters.ts"
import { SuppressionStore } from "../store/notifications/SuppressionStore.ts"
import { reportFailure, sentenceOf } from "./Sentence.ts"

/** What was asked for is not there, or not to be had; `message` says why. */
export class MessagesRefused extends Schema.TaggedError<MessagesRefused>()("MessagesRefused", {
  message: Schema.String
}) {}

const stores = Layer.merge(DeadLetters.layer, SuppressionStore.layer).pipe(Layer.provide(databaseLayer))

/** The database of a process that serves is closed to this one, which then says who can do it. */
const withStores = <A, E>(work: Effect.Effect<A, E, DeadLetters | SuppressionStore>) =>
  Effect.mapError(Effect.provide(work, stores), (error) =>
    isInUse(error)
      ? new MessagesRefused({
        message: `${sentenceOf(error)} While it serves, use /api/messages/dead and /api/suppressions.`
      })
      : error)

const organizer = Flag.String("organizer").pipe(
  Flag.withDescription("Whose messages; everybody's without it"),
  Flag.optional
)

const lineOf = ({ attempts, message_id, owner, reason, recipient }: Letter): string =>
  [message_id, owner ?? "-", recipient, `${attempts}x`, reason ?? ""].join("  ")

/** As many as are shown, and as many as are marked at a time. */
const most = 10_000

const scopeOf = (owner: Option.Option<string>) => ({
  owner: Option.getOrUndefined(owner),
  eventId: undefined
})

const dead = Command.make(
  "dead",
  { organizer },
  ({ organizer }) =>
    reportFailure(withStores(Effect.gen(function* () {
      const letters = yield* (yield* DeadLetters).page(scopeOf(organizer), { after: "", limit: most })
      yield* Console.log(letters.map(lineOf).join("\n") || "No dead letters.")
    })))
).pipe(Command.withDescription("List the messages that nobody tries any more, with the reason"))

const resend = Command.make(
  "resend",
  { id: Argument.String("id").pipe(Argument.optional), organizer },
  ({ id, organizer }) =>
    reportFailure(withStores(Effect.gen(function* () {
      const letters = yield* DeadLetters
      if (Option.isNone(id)) {
        return yield* Console.log(
          `${yield* letters.resendAll(scopeOf(organizer), most)} messages are sent again.`
        )
      }
      if (!(yield* letters.resend(id.value))) {
        return yield* new MessagesRefused({ message: `No message ${id.value} failed or was suppressed.` })
      }
      yield* Console.log(`${id.value} is sent again.`)
    })))
).pipe(Command.withDescription("Send one message again, or every dead letter"))

const owner = Flag.String("organizer").pipe(Flag.withDescription("Whose list"))

const suppressed = Command.make(
  "suppressed",
  { organizer: owner },
  ({ organizer }) =>
    reportFailure(withStores(Effect.gen(function* () {
      const entries = yield* (yield* SuppressionStore).list(organizer, { after: "", limit: most })
      const lines = entries.map(({ address, channel, created_at, detail, digest, reason }) =>
        [address ?? digest, channel, reason, DateTime.formatIso(created_at), detail ?? ""].join("  ")
      )
      yield* Console.log(lines.join("\n") || "Nothing is on the list.")
    })))
).pipe(Command.withDescription("List the addresses that nothing is sent to"))

const lift = Command.make(
  "lift",
  { address: Argument.String("address"), organizer: owner },
  ({ address, organizer }) =>
    reportFailure(withStores(Effect.gen(function* () {
      const suppressions = yield* SuppressionStore
      const [entry] = yield* suppressions.find(organizer, address)
      if (entry === undefined || !(yield* suppressions.lift(organizer, entry.digest))) {
        return yield* new MessagesRefused({ message: `${address} is not on the list of ${organizer}.` })
      }
      yield* Console.log(`${address} is taken off the list.`)
    })))
).pipe(Command.withDescription("Take an address off the list"))

export const messages = Command.make("messages").pipe(
  Command.withDescription("Dead letters, and the addresses that nothing is sent to"),
  Command.withSubcommands([dead, resend, suppressed, lift])
)
