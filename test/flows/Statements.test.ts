/**
 * How many statements of the product's own the documented flow takes by itself. What the cluster stores, queues and what is
 * looked at by the clock are not counted: they are not the flow's.
 * Changes that turn this file red: a read of the feed for each event, two statements for a step's start or end, one for each
 * attempt to deliver, a record of each loopback request, the payment's event or its invoice in a transaction of single
 * statements, a job's report in one.
 *
 * Without two promises a flow stays below 80. A message is noted before it is handed over, so that a kill leaves a mark on
 * what may arrive twice: `WITH begun`, three or four for the rounds of its readers. A step that ended is kept in the journal
 * of its workflow: `WITH journaled`, five or six where no request of the mailbox shares the statement. Neither can be left
 * out, and how many share one depends on what ends together: it was 81 to 86.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Statement } from "effect/sql"
import { bodyFor, run } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"

/** The statements since they were last asked for. */
class Asked extends Context.Service<Asked, { texts: Array<string> }>()("test/Asked") {}

/** By the clock: keepers, queues, feeds of other processes; the mailbox is the cluster's. */
const notTheFlows =
  /cluster_|_queue"|FROM feeds WHERE|status = 'accepted' AND created_at|deadline <= now\(\)|FROM tokens|s\.event_version < e\.gate_version|m\.resend_at <= now\(\)/

const counting = Layer.effect(
  Statement.CurrentTransformer,
  Effect.map(Asked, (asked): Statement.Transformer => (statement) =>
    Effect.sync(() => {
      const [text] = statement.compile(true)
      if (!notTheFlows.test(text)) asked.texts.push(text.replaceAll(/\s+/g, " ").trim().slice(0, 90))
      return statement
    }))
)

const TestLayer = TestAppLayer.layer.pipe(
  Layer.provide(counting),
  Layer.provideMerge(Layer.sync(Asked, () => ({ texts: [] })))
)

/** The most that a flow by itself may take, with one or two more for each time that it is woken while it goes on. */
const bound = 88

layer(TestLayer, { excludeTestServices: true })("the statements of a complete flow", (it) => {
  it.effect(`are at most ${bound}`, () =>
    Effect.gen(function* () {
      const asked = yield* Asked
      yield* run(bodyFor(1))
      asked.texts = []
      const { flow } = yield* run(bodyFor(2))
      assert.strictEqual(flow.status, "completed")
      assert.isAbove(asked.texts.length, 40, "The statements are not counted")
      const counts = new Map<string, number>()
      for (const text of asked.texts) counts.set(text, (counts.get(text) ?? 0) + 1)
      const told = [...counts].sort(([, a], [, b]) => b - a).map(([text, count]) => `${count} ${text}`)
      assert.isAtMost(asked.texts.length, bound, told.join("\n"))
    }))
})
