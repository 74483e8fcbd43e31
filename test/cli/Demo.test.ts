/** `guichet demo` as somebody runs it: a process, a folder, an exit code. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, FileSystem } from "effect"
import * as Platform from "../../src/Platform.ts"
import { documentedBody, upcomingBody } from "../../src/cli/demo/CompleteFlowBody.ts"
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { startProgram } from "../support/ChildProgram.ts"

const elsewhere = {
  DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing",
  REDIS_URL: "redis://127.0.0.1:1",
  SMTP_URL: "smtp://127.0.0.1:1",
  STRIPE_SECRET_KEY: "sk_test_none"
}

/** A temporary folder, and the demonstration started in it. */
const demonstrate = Effect.fnUntraced(function* (body?: unknown) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "guichet-demo-" })
  const to = `${directory}/out`
  const given = body === undefined ? [] : ["--body", `${directory}/body.json`]
  if (body !== undefined) yield* fs.writeFileString(`${directory}/body.json`, JSON.stringify(body))
  const child = yield* startProgram("src/main.ts", ["demo", "--to", to, ...given], elsewhere)
  return { child, fs, to }
})

const said = (lines: ReadonlyArray<string>, text: string) => assert.include(lines.join("\n"), text)

describe("guichet demo", () => {
  it("knows the documented body", () => {
    assert.deepStrictEqual<unknown>(documentedBody, documented)
  })

  it("posts it with the event six weeks ahead and nothing else changed", () => {
    const late = DateTime.makeUnsafe("2026-11-30T23:59:59.123Z")
    assert.deepStrictEqual<unknown>(upcomingBody(late), {
      ...documented,
      event_data: {
        ...documented.event_data,
        title: "Tech Conference 2027",
        date: "2027-01-11T09:00:00Z"
      }
    })
  })

  it.live(
    "exits 0 and leaves tickets, invoice, messages and scans in its folder",
    () =>
      Effect.gen(function* () {
        const { child, fs, to } = yield* demonstrate()
        assert.strictEqual(yield* child.exit, 0, child.lines.join("\n"))
        const names = yield* fs.readDirectory(to, { recursive: true })
        const ending = (end: string) => names.filter((name) => name.endsWith(end)).length
        assert.deepStrictEqual(
          [".pdf", ".png", ".eml", ".sms.txt"].map(ending),
          [3, 2, 5, 2],
          names.join("\n")
        )
        assert.deepStrictEqual(
          [...(yield* fs.readDirectory(to))].sort(),
          [
            ...names.filter((name) => /^G-\d{4}-000001\.pdf$/.test(name)),
            "flow.json",
            "guichet.log",
            "outbox",
            "scans.json",
            "tickets"
          ]
        )
        const scans = JSON.parse(yield* fs.readFileString(`${to}/scans.json`))
        assert.deepStrictEqual(scans.map((scan: typeof scans[number]) => scan.answer.result), [
          "valid",
          "already_used"
        ])
        assert.strictEqual(scans[1].answer.first_use.gate, "A")
        said(child.lines, "tickets: 2 of 2 tickets")
        said(child.lines, "5 e-mails, 2 SMS")
        said(child.lines, "6 scheduled")
      }).pipe(Effect.scoped, Effect.provide(Platform.services))
  )

  it.live("exits 1 and names the wrong value of a body that the core refuses", () =>
    Effect.gen(function* () {
      const [guest, ...others] = documented.guests
      const { child, fs, to } = yield* demonstrate({
        ...documented,
        guests: [{ ...guest, email: "john" }, ...others]
      })
      assert.strictEqual(yield* child.exit, 1)
      said(child.lines, "/guests/0/email: Expected an e-mail address")
      assert.deepStrictEqual([...(yield* fs.readDirectory(to))], ["guichet.log"])
    }).pipe(Effect.scoped, Effect.provide(Platform.services)))

  it.live("exits 1 when a step fails although the flow went on", () =>
    Effect.gen(function* () {
      const [guest, ...others] = documented.guests
      const { child } = yield* demonstrate({
        ...documented,
        guests: [{ ...guest, email: "declined@example.com" }, ...others]
      })
      assert.strictEqual(yield* child.exit, 1)
      said(child.lines, "The step payment is failed")
      said(child.lines, "The flow ended as completed_with_errors.")
    }).pipe(Effect.scoped, Effect.provide(Platform.services)))

  it.live("takes its throw-away installation away when it is interrupted", () =>
    Effect.gen(function* () {
      const { child, fs, to } = yield* demonstrate()
      yield* child.line((line) => line.includes("validation begun"))
      assert.include(yield* fs.readDirectory(to), ".throw-away")
      yield* child.kill("SIGINT")
      assert.include([null, 130], yield* child.exit)
      assert.notInclude(yield* fs.readDirectory(to), ".throw-away")
    }).pipe(Effect.scoped, Effect.provide(Platform.services)))

  it.live("leaves a folder alone that holds anything", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const to = yield* fs.makeTempDirectoryScoped({ prefix: "guichet-demo-" })
      yield* fs.writeFileString(`${to}/mine.txt`, "mine")
      const child = yield* startProgram("src/main.ts", ["demo", "--to", to])
      assert.strictEqual(yield* child.exit, 1)
      said(child.lines, "is not empty: name another one with --to")
      assert.deepStrictEqual([...(yield* fs.readDirectory(to))], ["mine.txt"])
    }).pipe(Effect.scoped, Effect.provide(Platform.services)))
})
