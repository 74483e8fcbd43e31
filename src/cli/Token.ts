/** `guichet token`: makes, lists and revokes the tokens that clients send. */
import { Clock, Console, Effect, Layer, Option, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Role } from "../../rpc/values/Caller.ts"
import { databaseLayer, publicUrl } from "../app/Foundation.ts"
import { isInUse } from "../database/DatabaseError.ts"
import { TokenStore } from "../store/TokenStore.ts"
import type { NewToken } from "../store/TokenRows.ts"
import { reportFailure, sentenceOf } from "./Sentence.ts"
import { accessPages, organizerNeeded, table, TokenRefused, toNewToken } from "./TokenWords.ts"

const store = TokenStore.layer.pipe(Layer.provide(databaseLayer))

/** The database of a process that serves is closed to this one, which then says who can do it. */
const withStore = <A, E>(work: Effect.Effect<A, E, TokenStore>) =>
  Effect.mapError(Effect.provide(work, store), (error) =>
    isInUse(error)
      ? new TokenRefused({
        message: `${sentenceOf(error)} While it serves, an admin makes, lists and revokes tokens with ` +
          "POST, GET and DELETE /api/tokens."
      })
      : error)

const insert = (token: NewToken) =>
  Effect.flatMap(TokenStore, (tokens) => tokens.create(token)).pipe(
    Effect.catchTag("OrganizerNeeded", ({ organizers }) => Effect.fail(organizerNeeded(organizers)))
  )

const create = Command.make(
  "create",
  {
    role: Flag.Literals("role", Role.literals).pipe(
      Flag.withDescription(
        "admin, organizer, operator (a steward at the gates) or supervisor (who helps stewards out)"
      )
    ),
    subject: Flag.String("subject").pipe(
      Flag.withDescription("Whose token it is: the organiser's name, or the operator's id on scans")
    ),
    organizer: Flag.String("organizer").pipe(
      Flag.withDescription("The organisation that an operator works for, where there are several"),
      Flag.optional
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
    reportFailure(Effect.gen(function* () {
      const token = yield* toNewToken(asked)
      const made = yield* withStore(insert(token))
      yield* Console.error(`Token ${made.tokenId} (${token.role}, ${token.subject}); it is shown this once:`)
      yield* Console.log(Redacted.value(made.token))
      const pages = accessPages(
        token,
        { organizer: made.owner, token: Redacted.value(made.token) },
        yield* publicUrl
      )
      if (pages.length > 0) yield* Console.error(pages.join("\n"))
    }))
).pipe(Command.withDescription("Make a token and print it"))

const show = Command.make("list", {}, () =>
  reportFailure(withStore(Effect.gen(function* () {
    const tokens = yield* (yield* TokenStore).list
    yield* Console.log(table(tokens, yield* Clock.currentTimeMillis).join("\n"))
  })))).pipe(Command.withDescription("List tokens, never their text"))

const revoke = Command.make(
  "revoke",
  { id: Argument.String("id") },
  ({ id }) =>
    reportFailure(withStore(Effect.gen(function* () {
      if (Option.isNone(yield* (yield* TokenStore).revoke(id))) {
        return yield* new TokenRefused({ message: `No token is ${id}: guichet token list shows them.` })
      }
      yield* Console.log(`Revoked ${id}: it opens nothing within five seconds.`)
    })))
).pipe(Command.withDescription("Revoke a token"))

export const token = Command.make("token").pipe(
  Command.withDescription("Tokens of client applications and stewards"),
  Command.withSubcommands([create, show, revoke])
)
