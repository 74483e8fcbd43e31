/**
 * Messages that were refused: listed with their reason, read with every attempt, and sent again, one or all, whatever made them.
 * Guards whose removal turns this file red: each kind of `remade`, the marks, what may be marked, and their end, what is no dead letter, the owner in
 * `within` and `visible`, the erased address on a list.
 */
import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { eraseGuest } from "../../src/cli/Erase.ts"
import { GeneratorQueue } from "../../src/services/generator/GeneratorQueue.ts"
import { PaymentLedger } from "../../src/services/payments/contract/PaymentLedger.ts"
import { problemType } from "../../src/http/ProblemCatalog.ts"
import { ErasureStore } from "../../src/store/retention/ErasureStore.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { stripeHeader } from "../../src/trust/StripeHeader.ts"
import { keyOf } from "../support/EventIds.ts"
import { bodyFor, outbox, run, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { around } from "../support/Witness.ts"

interface Letter {
  readonly message_id: string
  readonly status: string
  readonly reason: string | null
  readonly recipient: string
}

const ask = (
  path: string,
  options: { readonly body?: unknown; readonly method?: string; readonly token?: string } = {}
) => Effect.flatMap(TestApp, (app) => app.ask(path, { token: app.organizer, ...options }))

const refusal = (detail: string, enhanced_code: string) =>
  new Response(
    JSON.stringify({
      type: problemType("delivery-refused"),
      title: "The message was refused for good.",
      status: 422,
      detail,
      final: true,
      response_code: 550,
      enhanced_code
    }),
    { status: 422, headers: { "content-type": "application/problem+json" } }
  )

/** Until it is told otherwise, every message to an address that begins so is refused. */
const refusing = Effect.fnUntraced(function* (addresses: (to: string) => string | undefined) {
  const peer = { refuses: true }
  yield* around("notifications", async (request, real) => {
    const { to } = await request.clone().json() as { readonly to: string }
    const code = peer.refuses ? addresses(to) : undefined
    return code === undefined ? real(request) : refusal("No.", code)
  })
  return peer
})

const dead = (query = "") =>
  Effect.map(ask(`/api/messages/dead${query}`), ({ json }) => json.messages as ReadonlyArray<Letter>)

const letter = (id: string) => Effect.map(ask(`/api/messages/${encodeURIComponent(id)}`), ({ json }) => json)

const secret = "what the mail server signs with"

const App = Layer.mergeAll(ErasureStore.layer, PaymentLedger.layer, GeneratorQueue.layerSql).pipe(
  Layer.provideMerge(TestAppLayer.layerWith({ MAIL_FEEDBACK_SECRET: secret }))
)

layer(App, { excludeTestServices: true })("a message that was refused", (it) => {
  it.effect("is listed with its reason, and sent again one by one and all at once, each once", () =>
    Effect.gen(function* () {
      const peer = yield* refusing((to) =>
        to === "john@example.com" || to.startsWith("+") ? "5.7.1" : undefined
      )
      const { accepted, flow } = yield* run(bodyFor(1, {
        event_data: { date: "2999-06-20T09:00:00Z" },
        orchestration_options: { error_handling: "continue_on_error" }
      }))
      assert.strictEqual(flow.status, "completed_with_errors")
      const id = (type: string) => `${accepted.json.flow_id}.${type}.1.email`
      const expected = ["payment_confirmation", "registration_confirmation", "ticket_generated"].map(id)
        .concat(
          [1, 2].map((guest) => `${accepted.json.flow_id}.ticket_alert.${guest}.sms`)
        )
      const letters = yield* dead("?event_id=1")
      assert.sameMembers(letters.map(({ message_id }) => message_id), expected)
      for (const { reason, status } of letters) {
        assert.deepStrictEqual([status, reason], ["failed", "DeliveryRefused"])
      }
      const one = yield* letter(id("ticket_generated"))
      assert.strictEqual(one.recipient, "john@example.com")
      assert.deepStrictEqual(
        one.attempt_list.map(({ at: _at, ...attempt }: { readonly at: string }) => attempt),
        [{ attempt: 1, outcome: "failed", reason: "DeliveryRefused", code: "550 5.7.1", in_doubt: false }]
      )
      const page = yield* ask("/api/messages/dead?limit=2")
      assert.lengthOf(page.json.messages, 2)
      assert.include(page.headers.get("link"), encodeURIComponent(page.json.next_after))

      const again = yield* ask(`/api/messages/${one.message_id}/resend`, { method: "POST" })
      assert.deepInclude(again.json, { status: "scheduled" })
      assert.strictEqual(again.status, 202)
      yield* until(letter(one.message_id), ({ attempts, resend_at }) => attempts === 2 && resend_at === null)
      assert.sameMembers((yield* dead()).map(({ message_id }) => message_id), expected)

      peer.refuses = false
      assert.strictEqual((yield* ask("/api/messages/dead/resend", { body: { event_id: 1 } })).json.marked, 5)
      yield* until(dead(), (letters) => letters.length === 0)
      for (const id of expected) {
        const sent = yield* until(letter(id), ({ status }) => status === "sent")
        assert.isFalse(sent.possible_double)
      }
      assert.isAbove(Object.keys(yield* outbox(accepted.json.flow_id)).length, 4)
      const sent = yield* ask(`/api/messages/${one.message_id}/resend`, { method: "POST" })
      assert.strictEqual(sent.status, 409)
    }).pipe(Effect.scoped))

  it.effect("is marked as long as nobody was sent it: a second wish to send it finds it sent, and revives nothing", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* run(bodyFor(9))
      const statuses = ["scheduled", "sent", "failed", "skipped", "canceled", "suppressed"]
      const lines = statuses.flatMap((status) =>
        [false, true].map((marked) => ({ id: `lost.${status}.${marked}`, status, marked }))
      )
      // A mark of tomorrow is one that the keeper has looked at and not taken away yet.
      yield* sql`
        INSERT INTO notifications
          (message_id, event_id, type, template, channel, priority, recipient, status, resend_at)
        SELECT id, ${yield* keyOf(9)}::bigint, 'x', 'x', 'email', 'high', 'john@example.com', status,
          CASE WHEN marked THEN now() + interval '1 day' END
        FROM jsonb_to_recordset(${JSON.stringify(lines)}::jsonb) AS l (id text, status text, marked boolean)`
      for (const { id, marked, status } of lines) {
        const open = status === "failed" || status === "suppressed" || (status === "scheduled" && marked)
        const answer = yield* ask(`/api/messages/${id}/resend`, { method: "POST" })
        assert.strictEqual(answer.status, open ? 202 : 409, id)
        if (!open) assert.strictEqual((yield* letter(id)).status, status, id)
      }
    }).pipe(Effect.scoped))

  it.effect("is remade when an event was called off, and says so", () =>
    Effect.gen(function* () {
      const peer = yield* refusing((to) => to === "john@example.com" ? "5.7.1" : undefined)
      yield* run(bodyFor(10))
      const calledOff = yield* ask("/api/events/10/cancellation", { body: { reason: "The river rose." } })
      assert.strictEqual(calledOff.status, 202, calledOff.text)
      const [refused] = yield* until(
        Effect.map(
          dead("?event_id=10"),
          (letters) => letters.filter(({ message_id }) => message_id.startsWith("cancellation_"))
        ),
        (letters) => letters.length > 0
      )
      peer.refuses = false
      const id = refused!.message_id
      assert.strictEqual((yield* ask(`/api/messages/${id}/resend`, { method: "POST" })).status, 202)
      const ended = yield* until(letter(id), ({ status }) => status !== "scheduled")
      assert.deepInclude(ended, { status: "sent", attempts: 2, recipient: "john@example.com" })
      const mails = Object.values(yield* outbox("cancellation_")).map((mail) =>
        mail.replaceAll(/=\r?\n/g, "")
      )
      assert.lengthOf(mails, 2)
      for (const mail of mails) assert.match(mail, /text\/calendar[^]*method=CANCEL/i)
      const report = yield* ask("/api/events/10/cancellation")
      assert.deepInclude(report.json, { told: 2, untold: 0 })
    }).pipe(Effect.scoped))

  it.effect("is remade whatever made it: a step of a sequence, a reminder, a ticket's own notice, a payer's", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { accepted } = yield* run(bodyFor(2, { event_data: { date: "2999-06-20T09:00:00Z" } }))
      const flowId: string = accepted.json.flow_id
      const { json: made } = yield* ask("/api/orchestration/notification-flow", {
        body: {
          flow_type: "notification_sequence",
          user_id: 1,
          event_id: 2,
          notification_sequence: [{
            type: "welcome_email",
            trigger: "scheduled",
            template: "welcome",
            delay_seconds: 0,
            channels: ["email"],
            priority: "high",
            data: { subject: "Bienvenue" }
          }],
          channels: ["email"],
          priority: "high",
          retry_config: { max_retries: 0, retry_delay_seconds: 0 }
        }
      })
      const step = `${made.flow_id}.1-welcome_email.1.email`
      yield* until(letter(step), ({ status }) => status === "sent")
      const [ticket] = yield* sql<{ id: number; event: number; payment: string }>`
        SELECT ticket_id AS id, t.event_id AS event, payment_id AS payment FROM tickets t JOIN payments p USING (flow_id)
        WHERE t.flow_id = ${flowId} AND guest_id = 1`
      const noticed = [
        `ticket_${ticket!.id}.ticket_generated.1.email`,
        `${ticket!.payment}.refund_confirmation.payer-500.email`
      ]
      yield* sql`
        INSERT INTO notifications (message_id, event_id, guest_id, type, template, channel, priority, recipient, status)
        SELECT id, ${ticket!.event}::bigint, 1, 'x', 'x', 'email', 'high', 'john@example.com', 'failed'
        FROM unnest(${noticed}::text[]) AS u(id)`
      const reminder = `${flowId}.event_reminder-24h.1.email`
      const others = [`${flowId}.nothing.1.email`]
      yield* sql`
        INSERT INTO notifications (message_id, flow_id, event_id, guest_id, type, template, channel, priority, recipient, status)
        SELECT id, ${flowId}, ${
        ticket!.event
      }::bigint, 1, 'x', 'x', 'email', 'high', 'john@example.com', 'failed'
        FROM unnest(${others}::text[]) AS u(id)`
      const all = [step, reminder, ...noticed, ...others]
      yield* sql`UPDATE notifications SET status = 'failed', sent_at = NULL WHERE message_id = ANY(${all}::text[])`
      for (const id of all) {
        const { status } = yield* ask(`/api/messages/${encodeURIComponent(id)}/resend`, { method: "POST" })
        assert.strictEqual(status, 202, id)
      }
      for (const id of [step, reminder, ...noticed]) {
        yield* until(letter(id), ({ status }) => status === "sent")
      }
      const gone = yield* until(letter(others[0]!), ({ status }) => status !== "scheduled")
      assert.deepInclude(gone, { status: "skipped", reason: "what it was about is not there any more" })
    }).pipe(Effect.scoped))

  it.effect("puts an address that nobody has on its organiser's list, which is read, lifted and forgets who is erased", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const bob = Redacted.value(
        (yield* (yield* TokenStore).create({ role: "organizer", subject: "bob" })).token
      )
      const peer = yield* refusing((to) => to === "jane@example.com" ? "5.1.1" : undefined)
      const first = yield* run(
        bodyFor(3, { notification_config: { email_templates: ["welcome"], sms_templates: [] } })
      )
      peer.refuses = false
      const second = yield* run(
        bodyFor(4, { notification_config: { email_templates: ["welcome"], sms_templates: [] } })
      )
      const line = yield* letter(`${second.accepted.json.flow_id}.welcome.2.email`)
      assert.deepInclude(line, { status: "suppressed", reason: "hard_bounce: 550 5.1.1", attempts: 0 })
      const list = (token: string) =>
        Effect.map(ask("/api/suppressions", { token }), ({ json }) => json.suppressions)
      const [entry] = yield* list(app.organizer)
      assert.deepInclude(entry, { address: "jane@example.com", reason: "hard_bounce", detail: "550 5.1.1" })
      assert.deepStrictEqual(yield* list(bob), [])
      const lift = (token: string) => ask(`/api/suppressions/${entry.digest}`, { token, method: "DELETE" })
      assert.strictEqual((yield* lift(bob)).status, 404)
      yield* eraseGuest({ eventId: yield* keyOf(3), number: 3, guestId: 2 }, app.directory)
      assert.deepInclude((yield* list(app.organizer))[0], {
        address: null,
        detail: null,
        reason: "hard_bounce"
      })
      assert.strictEqual((yield* lift(app.organizer)).status, 200)
      const resent = yield* ask(`/api/messages/${line.message_id}/resend`, { method: "POST" })
      assert.strictEqual(resent.status, 202)
      yield* until(letter(line.message_id), ({ status }) => status === "sent")
      const put = yield* ask("/api/suppressions", { body: { channel: "sms", address: "+33612345678" } })
      assert.deepInclude(put.json, { channel: "sms", reason: "manual" })
      assert.strictEqual(first.flow.status, "completed_with_errors")
    }).pipe(Effect.scoped))

  it.effect("of a ticket is sent anew to the address that was corrected, once a key", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const sql = yield* SqlClient.SqlClient
      const { accepted } = yield* run(bodyFor(5, { event_data: { date: "2999-06-20T09:00:00Z" } }))
      const [ticket] = yield* sql<{ id: number }>`
        SELECT ticket_id AS id FROM tickets WHERE flow_id = ${accepted.json.flow_id} AND guest_id = 2`
      const corrected = yield* ask("/api/events/5/guests/2/address", {
        method: "PATCH",
        body: { email: "jane.smith@example.com", phone: null }
      })
      assert.deepStrictEqual(corrected.json, { guest_id: 2, email: "jane.smith@example.com", phone: null })
      const send = (channel: string, key: string) =>
        app.ask(`/api/tickets/${ticket!.id}/messages`, {
          token: app.organizer,
          body: { channel },
          headers: { "idempotency-key": key }
        })
      const ids = new Set<string>()
      for (const key of ["one", "one", "two"]) {
        const { json, status } = yield* send("email", key)
        assert.strictEqual(status, 202)
        assert.strictEqual(json.recipient, "jane.smith@example.com")
        ids.add(json.message_id)
      }
      assert.strictEqual(ids.size, 2)
      for (const id of ids) yield* until(letter(id), ({ status }) => status === "sent")
      assert.strictEqual(Object.keys(yield* outbox(`ticket_${ticket!.id}-again`)).length, 2)
      assert.strictEqual((yield* send("sms", "three")).status, 409)
      assert.strictEqual(
        (yield* ask("/api/events/5/guests/9/address", { method: "PATCH", body: {} })).status,
        404
      )
    }).pipe(Effect.scoped))

  it.effect("comes on the list of the organiser whose message it was, when a mail server reports it", () =>
    Effect.gen(function* () {
      const { accepted } = yield* run(
        bodyFor(6, { notification_config: { email_templates: ["welcome"], sms_templates: [] } })
      )
      const messageId = `${accepted.json.flow_id}.welcome.1.email`
      const digest = createHash("md5").update(messageId).digest("hex")
      const report = (body: object, by = secret) =>
        Effect.gen(function* () {
          const text = JSON.stringify(body)
          const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1_000)
          return yield* Effect.flatMap(TestApp, (app) =>
            app.ask("/api/mail-feedback/plain", {
              body,
              headers: {
                "x-guichet-signature": stripeHeader(
                  Redacted.make(by),
                  seconds,
                  new TextEncoder().encode(text)
                )
              }
            }))
        })
      const complaint = {
        reason: "complaint",
        address: "john@example.com",
        sender: `bounces+${digest}@mail.example`
      }
      assert.strictEqual((yield* report(complaint, "another secret of somebody")).status, 401)
      assert.deepInclude((yield* report(complaint)).json, { received: true, suppressed: 1 })
      assert.deepInclude(
        (yield* report({ ...complaint, address: "stranger@example.com", sender: "x" })).json,
        { suppressed: 0 }
      )
      assert.deepInclude(
        (yield* report({ ...complaint, reason: "hard_bounce", address: "JANE@example.com", sender: "x" }))
          .json,
        { suppressed: 1 }
      )
      const { json } = yield* ask("/api/suppressions")
      const listed = json.suppressions.map(({ address, reason }: { address: string; reason: string }) =>
        `${address} ${reason}`
      )
      assert.includeMembers(listed, ["john@example.com complaint", "JANE@example.com hard_bounce"])
      const next = yield* run(
        bodyFor(7, { notification_config: { email_templates: ["welcome"], sms_templates: [] } })
      )
      const lines = yield* Effect.forEach(
        [1, 2],
        (guest) => letter(`${next.accepted.json.flow_id}.welcome.${guest}.email`)
      )
      assert.deepStrictEqual(lines.map(({ reason, status }) => [status, reason]), [
        ["suppressed", "complaint"],
        ["suppressed", "hard_bounce"]
      ])
    }).pipe(Effect.scoped))

  it.effect("that waits for its trigger is shown with its sequence", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(8))
      const waits = {
        type: "later",
        trigger: "payment_success",
        template: "payment_confirmation",
        delay_seconds: 60
      }
      const { json: made } = yield* ask("/api/orchestration/notification-flow", {
        body: {
          flow_type: "notification_sequence",
          user_id: 2,
          event_id: 8,
          notification_sequence: [
            { ...waits, channels: ["email", "sms"], priority: "high", data: {} },
            {
              ...waits,
              type: "now",
              trigger: "registration",
              template: "welcome",
              delay_seconds: 0,
              channels: ["email"],
              priority: "high",
              data: {}
            }
          ],
          channels: ["email"],
          priority: "high",
          retry_config: { max_retries: 0, retry_delay_seconds: 0 }
        }
      })
      const { json } = yield* until(ask(made.status_url), ({ json }) => json.messages.length === 1)
      assert.deepStrictEqual(json.waiting, [{ ...waits, channels: ["email"] }])
      const canceled = yield* ask(`${made.status_url}/cancel`, { method: "POST" })
      assert.deepStrictEqual(canceled.json.waiting, [])
    }).pipe(Effect.scoped))
})
