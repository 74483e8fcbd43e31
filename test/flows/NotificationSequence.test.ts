/** Flow 5: each step after its trigger and delay, over its channels, once; and a ledger that shows it all. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import { SqlClient } from "effect/sql"
import documented from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import sentBody from "../fixtures/bodies/5-notification-flow.to-notification-service.json" with {
  type: "json"
}
import { bodyFor, guestsNamed, outbox, read, run, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { flaky, overhear } from "../support/Witness.ts"

const route = "/api/orchestration/notification-flow"
const far = { date: "2099-06-20T09:00:00Z" }

interface Line {
  readonly type: string
  readonly channel: string
  readonly status: string
  readonly reason: string | null
  readonly attempts: number
  readonly sent_at: string | null
  readonly scheduled_at: string | null
}

type Step = Partial<Omit<typeof documented.notification_sequence[number], "data">> & {
  readonly data?: Record<string, Schema.Json>
}

const step = (change: Step) => ({ ...documented.notification_sequence[0]!, data: {}, ...change })

const sequenceFor = (eventId: number, userId: number, ...steps: ReadonlyArray<Step>) => ({
  ...documented,
  event_id: eventId,
  user_id: userId,
  notification_sequence: steps.map(step),
  retry_config: { max_retries: 0, retry_delay_seconds: 0 }
})

const configure = Effect.fnUntraced(function* (body: unknown, path = route) {
  const app = yield* TestApp
  const answer = yield* app.ask(path, { token: app.organizer, body })
  assert.strictEqual(answer.status, 202, answer.text)
  assert.deepStrictEqual(Object.keys(answer.json), ["flow_id", "status", "status_url"])
  assert.strictEqual(answer.headers.get("location"), answer.json.status_url)
  return answer.json.status_url as string
})

const ledgerOnce = (url: string, fits: (lines: ReadonlyArray<Line>) => boolean) =>
  Effect.map(
    until(read(url), ({ json }) => fits(json.messages)),
    ({ json }) => json.messages as ReadonlyArray<Line>
  )

const summary = (lines: ReadonlyArray<Line>) =>
  lines.map(({ channel, status, type }) => `${type} ${channel} ${status}`)

const completed = (url: string) =>
  Effect.map(until(read(url), ({ json }) => json.status === "completed"), ({ json }) => json)

const guest = (id: number) => [{ ...guestsNamed("Jean Dupont")[0]!, guest_id: id }]

layer(TestAppLayer.layer, { excludeTestServices: true })("a notification sequence", (it) => {
  it.effect("takes the documented body, with a slash and without, and speaks when its user registers and pays", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(1, { event_data: far }))
      const url = yield* configure(documented, `${route}/`)
      assert.strictEqual(yield* configure(documented), url)
      yield* ledgerOnce(url, (lines) => lines.length === 0)
      yield* run(bodyFor(1, { event_data: far, guests: guest(documented.user_id) }))
      const lines = yield* ledgerOnce(
        url,
        (lines) => lines.filter(({ status }) => status === "sent").length >= 2
      )
      assert.includeMembers(summary(lines), ["welcome_email email sent", "payment_confirmation email sent"])
      assert.notInclude(summary(lines), "ticket_generated email sent")
      const id = url.split("/").at(-1)!
      const [welcome] = Object.values(yield* outbox(`${id}-1-welcome_email`))
      assert.include(welcome, "Bienvenue sur Event Planner !")
      assert.include(welcome, "Jean")
    }))

  it.effect("sends after its delay, over each channel that the sequence allows", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(2, { guests: guest(1) }))
      const delayed = {
        type: "alert",
        template: "ticket_alert",
        channels: ["email", "sms"],
        delay_seconds: 1
      }
      const body = sequenceFor(2, 1, delayed, { ...delayed, delay_seconds: 0, trigger: "payment_success" })
      const before = Date.now()
      const both = yield* completed(yield* configure(body))
      assert.sameMembers(summary(both.messages), [
        ...Array(2).fill("alert email sent"),
        ...Array(2).fill("alert sms sent")
      ])
      const times = both.messages.map(({ sent_at }: Line) => Date.parse(sent_at!) - before).sort()
      assert.isAtLeast(Math.max(...times), 1_000)
      const emailOnly = yield* completed(yield* configure({ ...body, channels: ["email"] }))
      assert.sameMembers(summary(emailOnly.messages), ["alert email sent", "alert email sent"])
    }))

  it.effect("sends the documented six fields, and nothing else", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(3, { guests: guest(123) }))
      const heard = yield* overhear("notifications")
      const [welcome] = documented.notification_sequence
      const { sequence_id } = yield* completed(yield* configure(sequenceFor(3, 123, welcome as Step)))
      const ours = heard.filter(({ headers }) => headers.get("x-request-id")?.startsWith(sequence_id))
      assert.deepStrictEqual(ours.map(({ path }) => path), ["/api/notifications/send"])
      const [{ headers, json }] = ours as [typeof ours[number]]
      assert.sameMembers(Object.keys(json), Object.keys(sentBody))
      assert.includeMembers(Object.keys(json.variables), Object.keys(sentBody.variables))
      assert.strictEqual(json.subject, sentBody.subject)
      assert.strictEqual(json.template_id, sentBody.template_id)
      assert.strictEqual(json.priority, sentBody.priority)
      assert.strictEqual(json.scheduled_at, sentBody.scheduled_at)
      assert.strictEqual(json.variables.user_id, sentBody.variables.user_id)
      assert.strictEqual(headers.get("x-service-name"), "event-planner-core")
    }).pipe(Effect.scoped))

  it.effect("sends no step twice when its trigger fires twice", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(4, { guests: guest(1) }))
      const heard = yield* overhear("notifications")
      const later = { trigger: "payment_success", type: "later" }
      const url = yield* configure(sequenceFor(4, 2, { trigger: "registration" }, later))
      const unpaid = guest(2).map((payer) => ({ ...payer, email: "declined@example.com" }))
      for (const title of ["First", "Second"]) {
        yield* run(bodyFor(4, { event_data: { title }, guests: unpaid }))
      }
      yield* ledgerOnce(url, (lines) => lines.some(({ status }) => status === "sent"))
      yield* run(bodyFor(4, { event_data: { title: "Third" }, guests: guest(2) }))
      const { messages } = yield* completed(url)
      assert.sameMembers(summary(messages), ["welcome_email email sent", "later email sent"])
      const id = url.split("/").at(-1)!
      const ours = heard.filter(({ headers }) => headers.get("x-request-id")?.startsWith(id))
      assert.strictEqual(ours.length, 2)
    }).pipe(Effect.scoped))

  it.effect("keeps a reminder in the ledger: scheduled while it lies ahead, skipped when its time has gone", () =>
    Effect.gen(function* () {
      const reminder = { ...documented.notification_sequence[3]! } as Step
      yield* run(bodyFor(5, { event_data: far, guests: guest(1) }))
      const ahead = yield* ledgerOnce(
        yield* configure(sequenceFor(5, 1, reminder)),
        (lines) => lines.length === 2
      )
      assert.sameMembers(summary(ahead), ["event_reminder email scheduled", "event_reminder sms scheduled"])
      assert.deepStrictEqual(
        ahead.map(({ scheduled_at }) => scheduled_at),
        Array(2).fill("2099-06-19T09:00:00.000Z")
      )
      yield* run(bodyFor(6, { guests: guest(1) }))
      const { messages } = yield* completed(yield* configure(sequenceFor(6, 1, reminder)))
      assert.sameMembers(summary(messages), ["event_reminder email skipped", "event_reminder sms skipped"])
      for (const { reason } of messages) {
        assert.strictEqual(reason, "its time, 2025-06-19T09:00:00.000Z, had passed")
      }
    }))

  it.effect("cancels what is not sent, once and for all", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* run(bodyFor(7, { event_data: far, guests: guest(1) }))
      const reminder = { ...documented.notification_sequence[3]! } as Step
      const url = yield* configure(
        sequenceFor(7, 1, {}, reminder, { trigger: "scheduled", delay_seconds: 1 })
      )
      yield* ledgerOnce(url, (lines) => lines.some(({ status }) => status === "sent") && lines.length === 4)
      for (let times = 0; times < 2; times++) {
        const canceled = yield* app.ask(`${url}/cancel`, { method: "POST", token: app.organizer })
        assert.strictEqual(canceled.status, 200, canceled.text)
        assert.strictEqual(canceled.json.status, "canceled")
        assert.sameMembers(summary(canceled.json.messages), [
          "welcome_email email sent",
          "event_reminder email canceled",
          "event_reminder sms canceled",
          "welcome_email email canceled"
        ])
      }
      yield* run(bodyFor(7, { event_data: far, guests: guest(1), payment_config: { amount: 5 } }))
      assert.strictEqual((yield* read(url)).json.status, "canceled")
      assert.strictEqual((yield* read(url)).json.messages.length, 4)
    }))

  it.effect("tries again as retry_config says, and counts", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(8, { guests: guest(1) }))
      yield* flaky("notifications", 4, ({ id }) => id.includes("-trying"))
      const body = {
        ...sequenceFor(8, 1, { type: "trying" }),
        retry_config: { max_retries: 1, retry_delay_seconds: 1 }
      }
      const { messages } = yield* completed(yield* configure(body))
      assert.deepStrictEqual(messages.map(({ attempts, status }: Line) => `${status} ${attempts}`), [
        "sent 2"
      ])
    }).pipe(Effect.scoped))

  it.effect("does not try again what can never be delivered", () =>
    Effect.gen(function* () {
      const unreachable = [{ ...guest(1)[0]!, phone: "+33112345678" }]
      yield* run(bodyFor(9, { guests: unreachable }))
      const body = sequenceFor(9, 1, { template: "ticket_alert", channels: ["sms"] })
      const url = yield* configure({ ...body, retry_config: { max_retries: 3, retry_delay_seconds: 300 } })
      const { messages } = yield* completed(url)
      assert.deepStrictEqual(
        messages.map(({ attempts, reason, status }: Line) => `${status} ${attempts} ${reason}`),
        [
          "skipped 1 the address cannot be reached over sms"
        ]
      )
    }))

  it.effect("says so when its user has no phone, or is no guest at all", () =>
    Effect.gen(function* () {
      const [{ phone: _, ...silent }] = guest(1) as [ReturnType<typeof guestsNamed>[number]]
      yield* run(bodyFor(10, { guests: [silent] }))
      const sms = { template: "ticket_alert", type: "alert", channels: ["sms"] }
      const { messages } = yield* completed(yield* configure(sequenceFor(10, 1, sms)))
      assert.deepStrictEqual(messages.map(({ reason, status }: Line) => `${status} ${reason}`), [
        "skipped the guest has no address for sms"
      ])
      const stranger = sequenceFor(10, 999, { ...sms, trigger: "scheduled" })
      const nobody = yield* completed(yield* configure(stranger))
      assert.deepStrictEqual(nobody.messages.map(({ reason, status }: Line) => `${status} ${reason}`), [
        "skipped user 999 is no guest of event 10"
      ])
    }))

  it.effect("begins every step and sets every clock, although the first waits for what never comes", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const free = { payment_config: { amount: 0 }, notification_config: { schedule_reminders: [] } }
      yield* run(bodyFor(11, { event_data: far, guests: guest(1), ...free }))
      const reminder = { trigger: "scheduled", template: "event_reminder", data: { reminder_hours: 24 } }
      const steps = [{ trigger: "payment_success" }, reminder, {
        trigger: "scheduled",
        delay_seconds: 86_400
      }]
      const url = yield* configure(sequenceFor(11, 1, ...steps))
      const lines = yield* ledgerOnce(url, (lines) => lines.length === 2)
      assert.deepStrictEqual(lines.map(({ status }) => status), ["scheduled", "scheduled"])
      const clocks = sql`
        SELECT 1 FROM cluster_messages m JOIN notification_sequences s ON m.entity_id = s.execution_id
        WHERE s.event_id = (SELECT event_id FROM event_numbers WHERE number = 11 AND owner = 'alice') AND s.user_id = 1 AND m.entity_type LIKE '%DurableClock'`
      yield* until(clocks, (rows) => rows.length === 2)
    }))

  it.effect("of a complete flow's reminders is opened, canceled and closed like any other", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { flow } = yield* run(bodyFor(12, { event_data: far }))
      const url = `${route}/${flow.reminders_id}`
      const { json: opened } = yield* read(url)
      assert.deepInclude(opened, {
        sequence_id: flow.reminders_id,
        event_id: 12,
        user_id: null,
        status: "running"
      })
      assert.lengthOf(opened.messages, 6)
      for (let times = 0; times < 2; times++) {
        const canceled = yield* app.ask(`${url}/cancel`, { method: "POST", token: app.organizer })
        assert.strictEqual(canceled.status, 200, canceled.text)
        assert.strictEqual(canceled.json.status, "canceled")
        assert.deepStrictEqual(
          canceled.json.messages.map(({ status }: Line) => status),
          Array(6).fill("canceled")
        )
      }
      const { flow: late } = yield* run(bodyFor(13))
      const { json: over } = yield* read(`${route}/${late.reminders_id}`)
      assert.strictEqual(over.status, "completed")
      assert.deepStrictEqual(over.messages.map(({ status }: Line) => status), Array(6).fill("skipped"))
    }))
})
