/**
 * Ten thousand things that are not a ticket, before both ways into the gate of the whole app, with genuine guests
 * among them.
 * Guards whose removal turns this file red: the signature, the one spelling and the length of QR data, the refusal of
 * a QR that is none of ours whatever code stands beside it, the report of text that names no ticket, storable text.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Rows from "../../../src/store/Rows.ts"
import { QrData, QrRefusal, type QrTicket } from "../../../src/trust/QrData.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import { forgeries, type Forgery } from "../../support/Forgeries.ts"
import { publish } from "../../support/GateFixture.ts"
import { type Reply, scanners, type Shown, type Way } from "../../support/Scanners.ts"
import * as TestAppLayer from "../../support/TestApp.ts"

const eventId = 1
const guests = 200
const inFlight = 64

interface Attempt extends Forgery, Shown {
  readonly way: Way
}

interface Answered extends Reply {
  readonly attempt: Attempt
  /** The place of its sending and of its answer among all. */
  readonly sent: number
  readonly answered: number
}

const Line = Schema.Struct({
  scan_id: Schema.String,
  result: Schema.String,
  reason: Schema.NullOr(Schema.String)
})

/** One scan in ten goes by the service, which asks the core for each. */
const wayOf = (nth: number): Way => nth % 10 === 0 ? "service" : "device"

const genuine = (keys: SigningKeys["Service"], ticket: QrTicket, id: string, way: Way): Attempt => ({
  kind: "genuine",
  text: QrData.sign(keys, ticket),
  code: ticket.code,
  result: "valid",
  id,
  way
})

/** Every ticket of the event: one that waits, one that was used, and the guests'; and one of another event. */
const issue = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const keys = yield* SigningKeys
  const issued = (eventId: number, rows: ReadonlyArray<{ id: number; code: string }>) =>
    rows.map((row) => ({ ...row, eventId, timestamp: 1_750_000_000 }))
  const [bait, used, ...others] = issued(eventId, yield* publish(eventId, guests + 4))
  const [foreign] = issued(2, yield* publish(2, 1))
  yield* sql`UPDATE tickets SET inside = true, entries = 1, status = 'admitted' WHERE ticket_id = ${used!.id}`
  return { originals: { keys, bait: bait!, used: used!, foreign: foreign! }, others }
})

/** A text that no camera reads is refused before the gate, by the schema of a device's body. */
const tooLong = ({ kind, text, way }: Attempt) =>
  kind === "oversized" && way === "device" && text.length > 4_096

const asExpected = ({ attempt, json, status }: Answered): boolean =>
  tooLong(attempt)
    ? status === 422 && json.errors[0].pointer === "/qr_data"
    : status === 200 && json.result === attempt.result && json.message !== "" && json.scan_id === attempt.id

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "ten thousand false tickets",
  (it) => {
    it.effect(
      "are each refused, with a stored reason, and hold no guest back",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { originals, others } = yield* issue
          const send = yield* scanners(eventId)
          const every = 10_000 / guests
          const attempts = forgeries(10_000, 20_250_620).flatMap((make, nth): ReadonlyArray<Attempt> => {
            const attempt: Attempt = { ...make(originals), id: `false-${nth}`, way: wayOf(nth) }
            const guest = nth % every === 0 ? nth / every : null
            return guest === null
              ? [attempt]
              : [attempt, genuine(originals.keys, others[guest]!, `guest-${guest}`, wayOf(guest))]
          })

          let count = 0
          const answers = yield* Effect.forEach(attempts, (attempt, sent) =>
            Effect.map(
              send[attempt.way](attempt),
              (reply): Answered => ({ ...reply, attempt, sent, answered: count++ })
            ), { concurrency: inFlight })
          const wrong = answers.filter((answer) => !asExpected(answer))
          assert.deepStrictEqual(wrong.slice(0, 5), [])
          for (const way of ["device", "service"] as const) {
            const own = answers.filter(({ attempt, status }) => attempt.way === way && status === 200)
            for (
              const { answered, sent } of own.filter(({ attempt }) => attempt.kind === "genuine")
            ) {
              const overtaking = own.filter((other) => other.sent > sent && other.answered < answered)
              assert.isBelow(overtaking.length, inFlight)
            }
          }
          for (const [way, guest] of [["device", others.at(-1)!], ["service", others.at(-2)!]] as const) {
            const last = yield* send[way](genuine(originals.keys, guest, `guest-by-${way}`, way))
            assert.strictEqual(last.json.result, "valid")
          }

          const lines = yield* Rows.all(Line)(sql`
        SELECT scan_id, result, detail->>'forged' AS reason FROM scans
        WHERE event_id = ${eventId} AND scan_id NOT LIKE 'guest-by-%'`)
          const verdicts = answers.filter(({ status }) => status === 200)
          assert.deepStrictEqual(
            lines.map(({ result, scan_id }) => `${scan_id} ${result}`).sort(),
            verdicts.map(({ attempt, json }) => `${attempt.id} ${json.result}`).sort()
          )
          const reasons = lines.filter(({ result }) => result === "forged").map(({ reason }) => reason)
          assert.sameMembers([...new Set(reasons)], [...QrRefusal.literals])
          const admitted = yield* sql`SELECT 1 FROM tickets WHERE event_id = ${eventId} AND entries > 0`
          assert.lengthOf(admitted, guests + 3)
        }),
      120_000
    )
  }
)
