/** Server-sent events: a feed starts with its history, resumes where a client left off, and ends when its work does. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { bodyFor, follow, parseFeed, run, start, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { hold } from "../support/Witness.ts"

/** Reads a live stream until it has shown so many events, then hangs up. */
const firstEvents = Effect.fnUntraced(function* (url: string, count: number) {
  const app = yield* TestApp
  const response = yield* app.fetch(url, { headers: { authorization: `Bearer ${app.organizer}` } })
  return yield* Effect.promise(async () => {
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    while (parseFeed(text.slice(0, text.lastIndexOf("\n\n") + 2)).length < count) {
      const { done, value } = await reader.read()
      if (done) break
      text += value
    }
    await reader.cancel()
    return parseFeed(text.slice(0, text.lastIndexOf("\n\n") + 2))
  })
})

const numbered = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

layer(TestAppLayer.layer, { excludeTestServices: true })("a feed", (it) => {
  it.effect("tells a flow from its first step to its close, numbered without a gap", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { accepted, feed, flow } = yield* run(bodyFor(1))
      assert.deepStrictEqual(feed.map(({ id }) => id), numbered(1, feed.length))
      assert.deepStrictEqual(feed[0]!.data.step, "validation")
      assert.deepStrictEqual(feed.filter(({ event }) => event === "closed").map(({ id }) => id), [
        feed.length
      ])
      assert.strictEqual(feed.at(-1)!.data.status, flow.status)
      assert.isTrue(
        feed.some(({ data, event }) => event === "tickets" && data.generated === 2 && data.total === 2)
      )
      for (const { data } of feed) assert.isFalse(Number.isNaN(Date.parse(data.at)))
      const steps = feed.filter(({ data, event }) => event === "step" && data.status === "completed")
      assert.sameMembers(steps.map(({ data }) => data.step), [
        "validation",
        "event",
        "guests",
        "tickets",
        "payment",
        "notifications",
        "reminders",
        "status"
      ])
      const { headers } = yield* app.fetch(accepted.json.events_url, {
        headers: { authorization: `Bearer ${app.organizer}` }
      })
      assert.include(headers.get("content-type"), "text/event-stream")
    }))

  it.effect("resumes after every event without a gap or a double, and ends at once when it was closed", () =>
    Effect.gen(function* () {
      const { accepted, feed } = yield* run(bodyFor(2))
      for (const { id } of feed.slice(0, -1)) {
        const rest = yield* follow(accepted.json.events_url, id)
        assert.deepStrictEqual(rest, feed.slice(id))
      }
      assert.deepStrictEqual(yield* follow(accepted.json.events_url, 0), feed)
    }))

  it.effect("is empty, not endless, for a client that has seen its end", () =>
    Effect.gen(function* () {
      const { accepted, feed } = yield* run(bodyFor(3))
      assert.deepStrictEqual(yield* follow(accepted.json.events_url, feed.length), [])
      assert.deepStrictEqual(yield* follow(accepted.json.events_url, feed.length + 100), [])
    }))

  it.effect("goes on where a client hung up, and hanging up stops nothing", () =>
    Effect.gen(function* () {
      const letGo = yield* hold("tickets")
      const accepted = yield* start(bodyFor(4, { orchestration_options: { parallel_processing: false } }))
      const seen = yield* firstEvents(accepted.json.events_url, 7)
      assert.deepStrictEqual(seen.map(({ id }) => id), numbered(1, 7))
      assert.strictEqual(seen.at(-1)!.data.step, "tickets")
      const rest = yield* Effect.forkChild(follow(accepted.json.events_url, 7))
      letGo()
      const live = yield* until(Effect.sync(() => rest.pollUnsafe()), (exit) => exit !== undefined)
      assert.strictEqual(live!._tag, "Success")
      const events = yield* follow(accepted.json.events_url, 7)
      assert.deepStrictEqual([...seen, ...events], yield* follow(accepted.json.events_url))
      assert.strictEqual(events.at(-1)!.data.status, "completed")
    }).pipe(Effect.scoped))

  it.effect("tells a generation job ticket by ticket", () =>
    Effect.gen(function* () {
      const { flow } = yield* run(bodyFor(5))
      const feed = yield* follow(`/api/tickets/generation-jobs/${flow.job_id}/events`)
      assert.deepStrictEqual(feed.map(({ id }) => id), numbered(1, feed.length))
      assert.deepStrictEqual(feed.map(({ event }) => event), [
        ...Array(feed.length - 1).fill("tickets"),
        "closed"
      ])
      assert.deepStrictEqual(feed.at(-1)!.data.status, "completed")
      assert.deepStrictEqual(
        yield* follow(`/api/tickets/generation-jobs/${flow.job_id}/events`, 1),
        feed.slice(1)
      )
    }))
})
