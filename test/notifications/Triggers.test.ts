/** That every trigger of a sequence is fired by something: a step that waits for one that nothing fires is never sent. */
import { assert, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { Trigger } from "../../rpc/NotificationSequence.ts"
import { paymentStates } from "../../src/store/payments/PaymentDecisions.ts"

const source = new URL("../../src/", import.meta.url)

const texts = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => readFileSync(new URL(path, source), "utf8"))

it("every trigger is fired somewhere, apart from the clock's", () => {
  const called = texts.flatMap((text) =>
    [...text.matchAll(/\.fire\((?:[^;]*?)"([a-z_]+)"\)/g)].map(([, trigger]) => trigger)
  )
  const fired = [...called, ...Object.values(paymentStates).map(({ trigger }) => trigger)]
  assert.deepStrictEqual(
    Trigger.literals.filter((trigger) => trigger !== "scheduled" && !fired.includes(trigger)),
    [],
    "Call Triggers.fire(eventId, guestIds, trigger) where these happen, or name them in paymentStates."
  )
})
