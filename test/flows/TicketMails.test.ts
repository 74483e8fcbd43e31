/** Flow 1, then flow 5: whatever a job made of a ticket, its guest has something to show at the gate. */
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import job from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import * as Mime from "../services/notifications/Mime.ts"
import { bodyFor, follow, outbox, read, run, until } from "../support/FlowClient.ts"
import { codesReadBy } from "../support/QrReader.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

const Ids = Schema.Array(Schema.Struct({ ticket_id: Schema.Int }))

/** The messages of the documented `ticket_creation` step, and the ticket, once a job with these options is done. */
const told = Effect.fnUntraced(function* (eventId: number, options: Partial<typeof job.options>) {
  const app = yield* TestApp
  yield* run(bodyFor(eventId, {
    ticket_config: { generate_pdf: false, generate_qr: false },
    payment_config: { amount: 0 }
  }))
  const rows = yield* (yield* SqlClient.SqlClient)`
    SELECT ticket_id FROM tickets WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = ${eventId} AND owner = 'alice') AND guest_id = 1`
  const [{ ticket_id }] = (yield* Schema.decodeUnknownEffect(Ids)(rows)) as [typeof Ids.Type[number]]
  const ask = (path: string, body: unknown) => app.ask(path, { token: app.organizer, body })
  const { json: started } = yield* ask("/api/tickets/generation-jobs", {
    ticket_ids: [ticket_id],
    options: { ...job.options, ...options }
  })
  assert.strictEqual((yield* follow(started.events_url)).at(-1)!.data.status, "completed")
  const [, step] = sequence.notification_sequence
  const { json: accepted } = yield* ask("/api/orchestration/notification-flow", {
    ...sequence,
    event_id: eventId,
    user_id: 1,
    notification_sequence: [{ ...step, delay_seconds: 0 }]
  })
  yield* until(read(accepted.status_url), ({ json }) => json.status === "completed")
  const files = Object.entries(yield* outbox(accepted.flow_id))
  const ending = (end: string) => files.find(([name]) => name.endsWith(end))?.[1] ?? assert.fail(`no ${end}`)
  return {
    email: Mime.parse(Buffer.from(ending(".eml"))),
    sms: ending(".sms.txt"),
    ticket: (yield* read(`/api/tickets/${ticket_id}`)).json
  }
})

const typesOf = ({ leaves }: ReturnType<typeof Mime.parse>) =>
  leaves.map(({ headers }) => headers["content-type"]?.split(";")[0])

layer(TestAppLayer.layer, { excludeTestServices: true })("a ticket's e-mail", (it) => {
  it.effect.each([
    { at: 1, options: {} },
    { at: 2, options: { qrFormat: "png" } },
    { at: 3, options: { qrFormat: "svg" } },
    { at: 4, options: { pdfFormat: false } },
    { at: 5, options: { qrFormat: "svg", pdfFormat: false } }
  ])("shows the QR code of a job with $options", ({ at, options }) =>
    Effect.gen(function* () {
      const { email, ticket } = yield* told(at, options)
      const html = Mime.leaf(email, "text/html").body.toString("utf8")
      assert.include(html, "cid:qr-code@guichet")
      assert.include(html, "Présentez ce QR code")
      const image = Mime.leaf(email, "image/png")
      assert.strictEqual(image.headers["content-id"], "<qr-code@guichet>")
      assert.deepStrictEqual(yield* Effect.promise(() => codesReadBy(image.body)), [ticket.qr_data])
      assert.strictEqual(
        typesOf(email).filter((type) => type === "application/pdf").length,
        "pdfFormat" in options ? 0 : 1
      )
    }))

  it.effect("and its SMS link to the QR code where there is no PDF, if it is an image", () =>
    Effect.gen(function* () {
      const svg = yield* told(6, { qrFormat: "svg", pdfFormat: false })
      assert.match(svg.sms, /http:\/\/\S+-qr\.svg\?/)
      assert.match(Mime.leaf(svg.email, "text/plain").body.toString("utf8"), /http:\/\/\S+-qr\.svg\?/)
      const text = yield* told(7, { qrFormat: "base64", pdfFormat: false })
      assert.include(text.sms, text.ticket.ticket_code)
      assert.notInclude(text.sms, "http")
    }))
})
