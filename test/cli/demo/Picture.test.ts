/** The picture of the demonstration: what each line says, and that it stays within the terminal. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { FlowEvent } from "../../../src/cli/demo/FlowEvent.ts"
import * as Picture from "../../../src/cli/demo/Picture.ts"
import * as Progress from "../../../src/cli/demo/Progress.ts"

const at = (millis: number) => DateTime.makeUnsafe(millis)

const events: ReadonlyArray<FlowEvent> = [
  { event: "step", data: { at: at(1_000), step: "tickets", status: "running" } },
  { event: "step", data: { at: at(1_010), step: "payment", status: "running" } },
  { event: "tickets", data: { at: at(1_200), generated: 3, failed: 0, total: 4, ticket_ids: [7, 8, 9] } },
  {
    event: "step",
    data: {
      at: at(1_412),
      step: "payment",
      status: "failed",
      error: { code: "payment_failed", detail: "Declined." }
    }
  },
  { event: "step", data: { at: at(1_500), step: "reminders", status: "skipped" } },
  {
    event: "step",
    data: { at: at(1_500), step: "guests", status: "completed", result: { registered: 4, event_id: 1 } }
  }
]

const progress = events.flatMap(Progress.newsOf).reduce(Progress.after, Progress.begun)

const frame = { columns: 60, colour: false, now: 3_000, tick: 0 }

const lineOf = (name: string, frame: Picture.Frame) =>
  Picture.lines(progress, frame).find((line) => line.includes(` ${name} `))

describe("the picture", () => {
  it("shows time, bar and note of every step", () => {
    assert.strictEqual(lineOf("tickets", frame), "  ⠋ tickets         2.00 s  █████████░░░  3 of 4 tickets")
    assert.strictEqual(lineOf("payment", frame), "  ✗ payment         402 ms  ░░░░░░░░░░░░  payment_failed")
    assert.strictEqual(lineOf("reminders", frame), "  – reminders         0 ms  ────────────")
    assert.strictEqual(lineOf("guests", frame), "  ✓ guests            0 ms  ████████████  4 registered")
    assert.strictEqual(lineOf("event", frame), "  · event                   ░░░░░░░░░░░░")
  })

  it("gives each of a few tickets a line below their step", () => {
    const lines = Picture.lines(progress, frame)
    const step = lines.findIndex((line) => line.includes(" tickets "))
    assert.include(lines[step + 1] ?? "", "✓   ticket 7")
    assert.include(lines[step + 3] ?? "", "✓   ticket 9")
  })

  it("is never wider than the terminal, and as high as it says", () => {
    const noted = Progress.after(progress, { line: "files", at: 1, note: "x".repeat(300) })
    for (const columns of [40, 60, 80, 100, 200]) {
      const lines = Picture.lines(noted, { ...frame, columns })
      for (const line of lines) assert.isAtMost([...line].length, columns, line)
      assert.lengthOf(lines, Picture.height + 3)
    }
  })

  it("has no escape sequence without colour", () => {
    const text = (colour: boolean) => Picture.lines(progress, { ...frame, colour }).join("\n")
    assert.notInclude(text(false), "\x1b")
    assert.include(text(true), "\x1b[31m✗\x1b[0m")
  })

  it("marks what was still running when it was broken off", () => {
    const ended = Progress.brokenOff(progress, 2_000)
    assert.deepStrictEqual(ended.filter(({ state }) => state === "running"), [])
    assert.include(Picture.lines(ended, frame).join("\n"), "✗ tickets         1.00 s")
  })
})
