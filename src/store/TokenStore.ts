/** Client tokens, kept as SHA-256 digests: a copy of this table opens nothing. */
import {
  Cache,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  PubSub,
  Redacted,
  Schema,
  Stream
} from "effect"
import { SqlClient } from "effect/sql"
import { createHash, randomBytes } from "node:crypto"
import { Caller, isGranted, rights } from "../../rpc/values/Caller.ts"
import { EventNumber } from "../../rpc/values/Ids.ts"
import { EventNumbers } from "./EventNumbers.ts"
import { makeRoom } from "../durable/MakeRoom.ts"
import * as KeysetPage from "./KeysetPage.ts"
import * as Rows from "./Rows.ts"
import {
  callerColumns,
  CallerRow,
  columns,
  decodeCallers,
  type MadeToken,
  type NewToken,
  OrganizerNeeded,
  OwnerRow,
  TokenFilters,
  TokenRow
} from "./TokenRows.ts"

/** How long a found token is believed, by its digest and then by `known`: five seconds in all; and how many are. */
const believedMillis = 2_500
const remembered = 4_096

/** How many tokens are recalled. */
const recalled = 20_000

const GoodRow = Schema.Struct({ token_id: Schema.String })

/** `tok_` and 72 random bits. */
export const randomId = Effect.sync(() => `tok_${randomBytes(9).toString("base64url")}`)

const digestOf = (token: Redacted.Redacted): Uint8Array =>
  new Uint8Array(createHash("sha256").update(Redacted.value(token)).digest())

const toCaller = (row: typeof CallerRow.Type): Caller => ({
  tokenId: row.token_id,
  role: row.role,
  subject: row.subject,
  owner: row.owner,
  sees: rights[row.role].manages === "everybody's" ? "everybody" : "own",
  ...(row.events === null ? {} : { events: row.events }),
  ...(row.gates === null ? {} : { gates: row.gates })
})

/**
 * Makes, lists, revokes and finds tokens. A token found is believed for five seconds without asking again, unless this
 * process revokes one.
 */
export class TokenStore extends Context.Service<TokenStore, {
  readonly create: (
    token: NewToken
  ) => Effect.Effect<
    { readonly token: Redacted.Redacted; readonly tokenId: string; readonly owner: string },
    OrganizerNeeded
  >
  /** A token of a chosen id, unless there was one before: its text is made once. */
  readonly createOnce: (
    tokenId: string,
    token: NewToken
  ) => Effect.Effect<Option.Option<MadeToken>, OrganizerNeeded>
  readonly list: Effect.Effect<ReadonlyArray<typeof TokenRow.Type>>
  readonly page: KeysetPage.Read<TokenFilters, typeof TokenRow.Type>
  /** The token, revoked now or before, if there is one. */
  readonly revoke: (tokenId: string) => Effect.Effect<Option.Option<typeof TokenRow.Type>>
  readonly find: (token: Redacted.Redacted) => Effect.Effect<Option.Option<Caller>>
  /** Whom `find` found by this token a moment ago, without a fiber. */
  readonly known: (token: string) => Caller | undefined
  /** Whether this token was found before, and has not been refused since: whoever sends it guesses nothing. */
  readonly recalls: (token: string) => boolean
  /** Which of these tokens are neither revoked nor expired. */
  readonly good: (tokenIds: ReadonlyArray<string>) => Effect.Effect<ReadonlySet<string>>
  /** The tokens that this process revokes from now on. */
  readonly revocations: Stream.Stream<string>
}>()("guichet/store/TokenStore") {
  static readonly layer: Layer.Layer<TokenStore, never, SqlClient.SqlClient> = Layer.effect(
    TokenStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const numbers = yield* EventNumbers
      const all = sql.literal(columns)
      const revocations = yield* PubSub.unbounded<string>()
      const first = Rows.first(TokenRow)

      const lookup = Effect.fn("TokenStore.lookup")(function* (digest: string) {
        const rows = yield* decodeCallers(
          yield* sql`
            SELECT ${sql.literal(callerColumns)} FROM tokens
            WHERE digest = ${Buffer.from(digest, "hex")} AND revoked_at IS NULL
              AND (expires_at IS NULL OR expires_at > now())`
        )
        return Option.map(Option.fromNullishOr(rows[0]), toCaller)
      }, Effect.orDie)

      const cache = yield* Cache.makeWith(lookup, {
        capacity: remembered,
        timeToLive: (exit) =>
          Exit.isSuccess(exit)
            ? Duration.millis(Option.isSome(exit.value) ? believedMillis : 1_000)
            : Duration.zero
      })

      const organizations = Rows.all(OwnerRow)(sql`
        SELECT owner FROM event_numbers UNION
        SELECT subject FROM tokens WHERE role = 'organizer' AND revoked_at IS NULL ORDER BY owner LIMIT 10`)

      const havingAll = (events: ReadonlyArray<EventNumber>) =>
        Rows.all(OwnerRow)(sql`
          SELECT owner FROM event_numbers WHERE number = ANY(${Rows.bigints(events)}::bigint[])
          GROUP BY owner HAVING count(*) = ${new Set(events).size}::int ORDER BY owner LIMIT 10`)

      const oldestAdmin = Rows.first(OwnerRow)(sql`
        SELECT subject AS owner FROM tokens WHERE role = 'admin' AND revoked_at IS NULL ORDER BY seq LIMIT 1`)

      /** The organisation that has all the listed events, else the only one there is, else whoever makes its events. */
      const organizationOf = Effect.fnUntraced(function* ({ events, subject, unnamed }: NewToken) {
        const having = events === undefined ? [] : yield* havingAll(events)
        const candidates = (having.length > 0 ? having : yield* organizations).map(({ owner }) => owner)
        if (candidates.length > 1) return yield* new OrganizerNeeded({ organizers: candidates })
        const chosen = candidates[0] ?? unnamed
        if (chosen !== undefined) return chosen
        return Option.match(yield* oldestAdmin, { onNone: () => subject, onSome: ({ owner }) => owner })
      })

      const ownerOf = (token: NewToken) =>
        token.owner === undefined && isGranted(token.role)
          ? organizationOf(token)
          : Effect.succeed(token.owner ?? token.subject)

      const createOnce = Effect.fn("TokenStore.createOnce")(function* (tokenId: string, token: NewToken) {
        const secret = Redacted.make(`gct_${randomBytes(32).toString("base64url")}`)
        const owner = yield* ownerOf(token)
        const events = token.events === undefined
          ? null
          : Rows.bigints(yield* numbers.reserve(owner, token.events))
        const expires = token.expiresAt === undefined ? null : DateTime.toDateUtc(token.expiresAt)
        const made = yield* first(sql`
          INSERT INTO tokens (digest, token_id, role, subject, owner, events, gates, expires_at)
          VALUES (${digestOf(secret)}, ${tokenId}, ${token.role}, ${token.subject}, ${owner},
            ${events}::bigint[], ${token.gates ?? null}::text[], ${expires})
          ON CONFLICT (token_id) DO NOTHING
          RETURNING ${all}`)
        return Option.map(made, (row): MadeToken => ({ ...row, token: secret }))
      })

      const create = (token: NewToken) =>
        Effect.flatMap(randomId, (tokenId) => createOnce(tokenId, token)).pipe(
          Effect.flatMap((made) => Effect.orDie(Effect.fromOption(made))),
          Effect.map(({ owner, token, token_id }) => ({ owner, token, tokenId: token_id }))
        )

      const list = Rows.all(TokenRow)(sql`SELECT ${all} FROM tokens ORDER BY seq`)

      const page = KeysetPage.make<typeof TokenRow, TokenFilters>(sql, "tokens", columns, TokenRow, {
        role: (role) => sql`role = ${role}`,
        subject: (subject) => sql`subject = ${subject}`
      })

      const revoke = Effect.fn("TokenStore.revoke")(function* (tokenId: string) {
        const revoked = yield* first(sql`
          UPDATE tokens SET revoked_at = coalesce(revoked_at, now()) WHERE token_id = ${tokenId}
          RETURNING ${all}`)
        yield* Cache.invalidateAll(cache)
        found.clear()
        yield* PubSub.publish(revocations, tokenId)
        return revoked
      })

      const good = Effect.fn("TokenStore.good")(function* (tokenIds: ReadonlyArray<string>) {
        const rows = yield* Rows.all(GoodRow)(sql`
          SELECT token_id FROM tokens
          WHERE token_id = ANY(${tokenIds}::text[]) AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now())`)
        return new Set(rows.map(({ token_id }) => token_id))
      })

      /** In the order of their use, so that those not used for longest make room. */
      const recall = new Set<string>()

      const found = new Map<string, { readonly caller: Caller; readonly until: number }>()

      const remember = (token: string, caller: Caller) => {
        if (found.size >= remembered) found.clear()
        found.set(token, { caller, until: performance.now() + believedMillis })
        recall.delete(token)
        recall.add(token)
        makeRoom(recall, recalled)
      }

      const find = (token: Redacted.Redacted) =>
        Effect.tap(
          Cache.get(cache, Buffer.from(digestOf(token)).toString("hex")),
          Option.match({
            onNone: () => Effect.sync(() => void recall.delete(Redacted.value(token))),
            onSome: (caller) => Effect.sync(() => remember(Redacted.value(token), caller))
          })
        )

      const known = (token: string) => {
        const one = found.get(token)
        if (one === undefined || one.until > performance.now()) return one?.caller
        found.delete(token)
        return undefined
      }

      const recalls = (token: string) => recall.has(token)

      return TokenStore.of({
        create,
        createOnce,
        list,
        page,
        revoke,
        find,
        known,
        recalls,
        good,
        revocations: Stream.fromPubSub(revocations)
      })
    })
  ).pipe(Layer.provide(EventNumbers.layer))
}
