/**
 * Flows are found, looked through and canceled, by those whose they are, and who did it is noted.
 * Guards whose removal turned this file red: `visible` before the timeline, the compensation of a canceled flow, the note
 * in the audit log.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { bodyFor, finished, guestsNamed, read, start, ticketsOf, until } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

const flows = "/api/orchestration/flows"

/** A token of somebody else. */
const stranger = Effect.gen(function* () {
  const made = yield* (yield* TokenStore).create({ role: "organizer", subject: "mallory" })
  return Redacted.value(made.token)
})

/** The flow's ids that a search answers to alice. */
const found = (query: string) =>
  Effect.map(read(`${flows}?${query}`), ({ json, status, text }) => {
    assert.strictEqual(status, 200, text)
    return json.flows.map(({ flow_id }: { flow_id: string }) => flow_id)
  })

layer(TestAppLayer.layer, { excludeTestServices: true, timeout: "5 minutes" })("steering", (it) => {
  it.effect("finds flows by guest, payment, step, error, age and id, each alone and together", () =>
    Effect.gen(function* () {
      const paid = yield* Effect.flatMap(start(bodyFor(1, { guests: guestsNamed("A", "B") })), finished)
      const other = yield* Effect.flatMap(start(bodyFor(2, { guests: guestsNamed("A", "B", "C") })), finished)
      const id = paid.flow.flow_id
      assert.deepStrictEqual(yield* found(`flow_id=${id}`), [id])
      assert.deepStrictEqual(yield* found(`payment_id=${paid.flow.payment_id}`), [id])
      assert.deepStrictEqual(yield* found("guest_id=3"), [other.flow.flow_id])
      assert.deepStrictEqual(yield* found("guest_id=2&event_id=1"), [id])
      assert.deepStrictEqual(yield* found("guest_id=9"), [])
      assert.deepStrictEqual(yield* found("step=payment"), [])
      assert.deepStrictEqual(yield* found("error=timed_out"), [])
      assert.deepStrictEqual(yield* found(`created_before=${paid.flow.created_at}`), [])
      assert.sameMembers(yield* found(`created_after=${paid.flow.created_at}`), [id, other.flow.flow_id])
      const { status } = yield* read(`${flows}?error=DROP%20TABLE`)
      assert.strictEqual(status, 422)
    }))

  it.effect("shows what happened to a flow, oldest first, and nothing of it to anybody else", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const run = yield* Effect.flatMap(
        start(bodyFor(3, { guests: guestsNamed("Zephyrine Quagga") })),
        finished
      )
      const path = `${flows}/${run.flow.flow_id}/timeline`
      const { json, status, text } = yield* read(path)
      assert.strictEqual(status, 200, text)
      const words = json.entries.map(({ source, what }: { source: string; what: string }) =>
        `${source} ${what}`
      )
      for (
        const word of [
          "flow accepted",
          "flow started",
          "flow completed",
          "step started",
          "job created",
          "job completed",
          "payment asked",
          "payment payment.completed",
          "invoice issued",
          "messages sent"
        ]
      ) assert.include(words, word)
      assert.strictEqual(words[0], "flow accepted")
      assert.isFalse(json.truncated)
      assert.notInclude(text, "Quagga")
      const foreign = yield* app.ask(path, { token: yield* stranger })
      const absent = yield* app.ask(`${flows}/flow_absent/timeline`, { token: yield* stranger })
      assert.strictEqual(foreign.status, 404)
      assert.deepStrictEqual(foreign.json.detail, absent.json.detail)
    }))

  it.effect("cancels a flow that waits for its payment: what was done is compensated, and who did it is noted", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const body = bodyFor(4, {
        guests: guestsNamed("A", "B"),
        payment_config: { auto_confirm: false },
        orchestration_options: { error_handling: "continue_on_error" }
      })
      const accepted = yield* start(body)
      const id = accepted.json.flow_id
      yield* until(
        read(accepted.json.status_url),
        ({ json }) =>
          json.payment_id !== null &&
          json.steps.some((step: { step: string; status: string }) =>
            step.step === "payment" && step.status === "running"
          )
      )
      assert.deepStrictEqual(yield* found("step=payment"), [id])
      const cancel = (token: string) => app.ask(`${flows}/${id}/cancel`, { method: "POST", token })
      assert.strictEqual((yield* cancel(yield* stranger)).status, 404)
      assert.strictEqual((yield* cancel(app.organizer)).status, 202)
      yield* cancel(app.organizer)
      const { flow } = yield* finished(accepted)
      assert.strictEqual(flow.status, "failed")
      assert.strictEqual(flow.error.code, "canceled")
      assert.deepStrictEqual(yield* found("error=canceled"), [id])
      const { json: payment } = yield* read(`/api/payments/${flow.payment_id}`)
      assert.strictEqual(payment.status, "canceled")
      for (const ticket of yield* ticketsOf({ flow } as never)) assert.strictEqual(ticket.status, "voided")
      assert.strictEqual((yield* cancel(app.organizer)).status, 409)

      const log = (token: string) => app.ask(`/api/audit-log?subject=${id}`, { token })
      const { json: noted } = yield* log(app.organizer)
      assert.deepStrictEqual(
        noted.entries.map(({ action, organizer, role }: Record<string, string>) => [action, organizer, role]),
        [["flow.cancel", "alice", "organizer"]]
      )
      assert.deepStrictEqual((yield* log(yield* stranger)).json.entries, [])
      assert.strictEqual((yield* log(app.admin)).json.entries.length, 1)
      const { json: timeline } = yield* read(`${flows}/${id}/timeline`)
      assert.include(timeline.entries.map(({ what }: { what: string }) => what), "flow.cancel")
    }))

  it.effect("lets a flow that has completed stay so", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const run = yield* Effect.flatMap(start(bodyFor(5, { guests: guestsNamed("A") })), finished)
      const answer = yield* app.ask(`${flows}/${run.flow.flow_id}/cancel`, {
        method: "POST",
        token: app.organizer
      })
      assert.strictEqual(answer.status, 409)
      assert.strictEqual((yield* read(`${flows}/${run.flow.flow_id}`)).json.status, "completed")
    }))
})
