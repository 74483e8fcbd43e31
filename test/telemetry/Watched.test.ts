/**
 * What is said and measured while every kind of work runs: the log lines of the flows document, once each and all with a
 * flow id, and metrics that Prometheus' own linter has nothing against.
 * Guards whose removal turned this file red: the line of a job's end where its statement ended it.
 */
import { assert, layer } from "@effect/vitest"
import { Console, Context, Effect, Layer } from "effect"
import job from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { complaintsOf, familiesOf, promtoolOf } from "../support/Exposition.ts"
import { bodyFor, finished, guestsNamed, start, ticketsOf, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

/** Lines that the app wrote. */
class Lines extends Context.Service<Lines, Array<string>>()("test/Lines") {}

const App = Layer.unwrap(Effect.sync(() => {
  const lines: Array<string> = []
  const listening = Layer.succeed(
    Console.Console,
    Object.assign(Object.create(globalThis.console) as Console.Console, {
      error: (...words: ReadonlyArray<unknown>) => void lines.push(words.map(String).join(" "))
    })
  )
  return Layer.provide(TestAppLayer.layerWith({ LOG_LEVEL: "info" }), listening).pipe(
    Layer.merge(Layer.succeed(Lines, lines))
  )
}))

interface Line {
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

const orchestration = Effect.map(Lines, (lines) =>
  lines.flatMap((line): ReadonlyArray<Line> => {
    if (!line.includes("[ORCHESTRATION]")) return []
    const { annotations, message } = JSON.parse(line)
    return [{ annotations, message: String(message) }]
  }))

/** The lines of one flow. */
const linesOf = (flowId: string) =>
  Effect.map(orchestration, (lines) => lines.filter(({ annotations }) => annotations["flowId"] === flowId))

/** Each line of a phase as its type or its service. */
const said = (lines: ReadonlyArray<Line>, phase: string) =>
  lines.filter(({ annotations }) => annotations["phase"] === phase)
    .map(({ annotations }) => String(annotations["flowType"] ?? annotations["service"])).sort()

/** The lines of a flow once so many of its kinds have ended; what there is, where that does not come. */
const ended = (flowId: string, count: number) =>
  Effect.timeoutOrElse(
    until(linesOf(flowId), (lines) => said(lines, "COMPLETE").length >= count),
    { duration: "1 minute", orElse: () => linesOf(flowId) }
  )

const words =
  /^\[ORCHESTRATION\] (START (\S+): \w+|CALL (\S+): [\w-]+\/\S* \(\d+ms\)|COMPLETE (\S+): (true|false) \(\d+ms\))$/

const canary = "Zephyrine Quagga"

layer(App, { excludeTestServices: true, timeout: "5 minutes" })("what is said of the work", (it) => {
  it.effect("START, CALL and COMPLETE of a flow, its job and its payment, once each, with the flow's id", () =>
    Effect.gen(function* () {
      const run = yield* Effect.flatMap(
        start(bodyFor(1, { guests: guestsNamed(canary, "Ana Bilby") })),
        finished
      )
      const flowId = run.flow.flow_id
      const lines = yield* ended(flowId, 3)
      const all = ["complete_event_flow", "payment", "ticket_generation"]
      assert.deepStrictEqual(said(lines, "START"), all)
      assert.deepStrictEqual(said(lines, "COMPLETE"), all)
      const called = new Set(said(lines, "CALL"))
      for (const service of ["notification-service", "payment-service", "ticket-generator-service"]) {
        assert.isTrue(called.has(service), `${service} of ${[...called]}`)
      }
      yield* start(bodyFor(1, { guests: guestsNamed(canary, "Ana Bilby") }))
      const again = yield* linesOf(flowId)
      assert.deepStrictEqual(said(again, "START"), all, "the same request again begins nothing")
    }))

  it.effect("the same of a sequence that ends, of one that is canceled, and of a job that nobody's flow asked for", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const ask = (path: string, body?: unknown) => app.ask(path, { token: app.organizer, body })
      const run = yield* Effect.flatMap(start(bodyFor(2, { guests: guestsNamed(canary) })), finished)
      const [step] = sequence.notification_sequence
      const begin = (trigger: string, delay_seconds: number) =>
        ask("/api/orchestration/notification-flow", {
          ...sequence,
          event_id: 2,
          user_id: 1,
          notification_sequence: [{ ...step, trigger, delay_seconds }]
        })
      const soon = yield* begin("registration", 0)
      const lines = yield* ended(soon.json.flow_id, 1)
      assert.deepStrictEqual(said(lines, "START"), ["notification_sequence"])
      assert.deepStrictEqual(said(lines, "COMPLETE"), ["notification_sequence"])
      assert.deepStrictEqual([...new Set(said(lines, "CALL"))], ["notification-service"])

      const late = yield* begin("scheduled", 86_400)
      const stopped = yield* app.ask(`${late.json.status_url}/cancel`, {
        token: app.organizer,
        method: "POST"
      })
      assert.strictEqual(stopped.status, 200, stopped.text)
      const [canceled] = (yield* ended(late.json.flow_id, 1)).filter(({ message }) =>
        message.includes("COMPLETE")
      )
      assert.include(canceled?.message, "false")

      const [ticket] = yield* ticketsOf(run)
      const begun = yield* ask("/api/tickets/generation-jobs", { ...job, ticket_ids: [ticket.ticket_id] })
      const ours = yield* ended(begun.json.job_id, 1)
      assert.deepStrictEqual(said(ours, "START"), ["ticket_generation"])
      assert.deepStrictEqual(said(ours, "COMPLETE"), ["ticket_generation"])
      assert.include(said(ours, "CALL"), "event-planner-core", "the generator's calls are part of the job")
    }))

  it.effect("in the words of the flows document, with a flow's id on every line, and nobody's name", () =>
    Effect.gen(function* () {
      const lines = yield* orchestration
      assert.isAbove(lines.length, 10)
      assert.deepStrictEqual(
        lines.filter(({ message }) => !words.test(message)).map(({ message }) => message),
        []
      )
      for (const { annotations, message } of lines) {
        assert.strictEqual(/ (?:START|CALL|COMPLETE) ([^ :]\S*):/.exec(message)?.[1], annotations["flowId"])
      }
      assert.notInclude(JSON.stringify(yield* Lines), "Quagga")
    }))
})

layer(App, { excludeTestServices: true, timeout: "5 minutes" })("what is measured of the work", (it) => {
  it.effect("is text that Prometheus reads and its linter has nothing against, and nobody's name", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const run = yield* Effect.flatMap(start(bodyFor(3, { guests: guestsNamed(canary) })), finished)
      const [ticket] = yield* ticketsOf(run)
      yield* app.ask("/api/scans/validate", {
        token: app.organizer,
        body: { ...scanned, event_id: 3, ticket_code: ticket.ticket_code, scan_id: "measured" }
      })
      yield* app.ask("/api/nowhere/secret", { token: app.organizer })
      const { text } = yield* app.ask("/metrics")
      const families = familiesOf(text)
      assert.deepStrictEqual(complaintsOf(families), [])
      const words = promtoolOf(text)
      if (words !== undefined) assert.strictEqual(words, "")
      for (const secret of ["Quagga", "secret", run.flow.flow_id, run.flow.payment_id, ticket.ticket_code]) {
        assert.notInclude(text, secret)
      }
      const names = new Set(families.map(({ name }) => name))
      const wanted = [
        "http_server_request_duration_seconds",
        "http_client_request_duration_seconds",
        "rpc_server_duration_seconds",
        "db_client_operation_duration_seconds",
        "db_client_connection_wait_time_seconds",
        "guichet_mailbox_messages",
        "guichet_mailbox_oldest_age_seconds",
        "guichet_flows",
        "guichet_sequences",
        "guichet_tickets_total",
        "guichet_scans_total",
        "guichet_payments",
        "guichet_payment_changes_total",
        "guichet_messages_total",
        "guichet_queue_items",
        "guichet_orchestration_duration_seconds",
        "guichet_orchestration_started_total",
        "guichet_service_breaker_state",
        "guichet_resident_memory_bytes",
        "guichet_event_loop_longest_seconds",
        "effect_cluster_shards"
      ]
      assert.deepStrictEqual(wanted.filter((name) => !names.has(name)), [])
      const labels = (name: string, label: string) =>
        new Set(families.find((family) => family.name === name)?.samples.map(({ labels }) => labels[label]))
      assert.isTrue(labels("http_server_request_duration_seconds", "http_route").has("/api/scans/validate"))
      assert.isTrue(labels("rpc_server_duration_seconds", "rpc_service").has("Event"))
      assert.include([...labels("db_client_operation_duration_seconds", "db_collection_name")], "flows")
    }))
})
