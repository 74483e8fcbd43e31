/** `guichet token`: makes, lists and revokes the tokens that clients send. */
import { Clock, Console, Effect, Layer, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { databaseLayer } from "../app/Foundation.ts"
import { type NewToken, TokenStore } from "../store/TokenStore.ts"
import { told } from "./Sentence.ts"
import { table, TokenRefused, toNewToken } from "./TokenWords.ts"

const store = TokenStore.layer.pipe(Layer.provide(databaseLayer))

const insert = (token: NewToken) => Effect.flatMap(TokenStore, (tokens) => tokens.create(token))

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
  (asked) =>
    told(Effect.gen(function* () {
      const token = yield* toNewToken(asked)
      const made = yield* Effect.provide(insert(token), store)
      yield* Console.error(`Token ${made.tokenId} (${token.role}, ${token.subject}); it is shown this once:`)
      yield* Console.log(Redacted.value(made.token))
    }))
).pipe(Command.withDescription("Make a token and print it"))

const show = Command.make("list", {}, () =>
  told(Effect.provide(
    Effect.gen(function* () {
      const tokens = yield* (yield* TokenStore).list
      yield* Console.log(table(tokens, yield* Clock.currentTimeMillis).join("\n"))
    }),
    store
  ))).pipe(Command.withDescription("List tokens, never their text"))

const revoke = Command.make("revoke", { id: Argument.String("id") }, ({ id }) =>
  told(Effect.provide(
    Effect.gen(function* () {
      if (!(yield* (yield* TokenStore).revoke(id))) {
        return yield* new TokenRefused({ message: `No live token is ${id}: guichet token list shows them.` })
      }
      yield* Console.log(`Revoked ${id}: it opens nothing within five seconds.`)
    }),
    store
  ))).pipe(Command.withDescription("Revoke a token"))

export const token = Command.make("token").pipe(
  Command.withDescription("Tokens of client applications and stewards"),
  Command.withSubcommands([create, show, revoke])
)
