/** `guichet token`: makes, lists and revokes the tokens that clients send. */
import { Console, DateTime, Effect, Layer, Option, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { databaseLayer } from "../app/Foundation.ts"
import { TokenStore } from "../store/TokenStore.ts"
import { told } from "./Sentence.ts"

const store = TokenStore.layer.pipe(Layer.provide(databaseLayer))

const list = (text: string): ReadonlyArray<string> =>
  text.split(",").map((item) => item.trim()).filter(Boolean)

const create = Command.make(
  "create",
  {
    role: Flag.Literals("role", ["admin", "organizer", "operator"]).pipe(
      Flag.withDescription("admin, organizer, or operator (a steward at the gates)")
    ),
    subject: Flag.String("subject").pipe(
      Flag.withDescription("Whose token it is: the organiser's name, or the operator's id on scans")
    ),
    events: Flag.String("events").pipe(
      Flag.withDescription("Comma-separated event numbers an operator is limited to"),
      Flag.optional
    ),
    gates: Flag.String("gates").pipe(
      Flag.withDescription("Comma-separated gates an operator is limited to"),
      Flag.optional
    ),
    days: Flag.Int("days").pipe(Flag.withDescription("Days until the token expires"), Flag.optional)
  },
  Effect.fn(function* ({ days, events, gates, role, subject }) {
    const tokens = yield* TokenStore
    const now = yield* DateTime.now
    const made = yield* tokens.create({
      role,
      subject,
      events: Option.getOrUndefined(Option.map(events, (text) => list(text).map(Number))),
      gates: Option.getOrUndefined(Option.map(gates, list)),
      expiresAt: Option.getOrUndefined(Option.map(days, (days) => DateTime.add(now, { days })))
    })
    yield* Console.error(`Token ${made.tokenId} (${role}, ${subject}); it is shown this once:`)
    yield* Console.log(Redacted.value(made.token))
  }, (made) => told(Effect.provide(made, store)))
).pipe(Command.withDescription("Make a token and print it"))

const show = Command.make("list", {}, () =>
  told(Effect.provide(
    Effect.gen(function* () {
      for (const token of yield* (yield* TokenStore).list) {
        const state = token.revoked_at !== null ? "revoked" : token.expires_at?.toISOString() ?? "no expiry"
        yield* Console.log([token.token_id, token.role, token.subject, state].join("\t"))
      }
    }),
    store
  ))).pipe(Command.withDescription("List tokens, never their text"))

const revoke = Command.make("revoke", { id: Argument.String("id") }, ({ id }) =>
  told(Effect.provide(
    Effect.gen(function* () {
      const revoked = yield* (yield* TokenStore).revoke(id)
      yield* Console.log(
        revoked ? `Revoked ${id}: it opens nothing within five seconds.` : `No live token is ${id}.`
      )
    }),
    store
  ))).pipe(Command.withDescription("Revoke a token"))

export const token = Command.make("token").pipe(
  Command.withDescription("Tokens of client applications and stewards"),
  Command.withSubcommands([create, show, revoke])
)
