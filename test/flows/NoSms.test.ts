/**
 * Without a provider of SMS the ledger calls none sent: they are skipped, for a reason, and the flow is none the worse.
 * Guards whose removal turns this file red: the transport that refuses, the reason that the notifier makes a skip of.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { bodyFor, read, run } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"

interface Line {
  readonly channel: string
  readonly template: string
  readonly status: string
  readonly reason: string | null
}

const installation = TestAppLayer.layerWith({ SMS_OUTBOX: "false" })

layer(installation, { excludeTestServices: true })(
  "an installation without a provider of SMS",
  (it) => {
    it.effect("skips them and says why, and sends its e-mails", () =>
      Effect.gen(function* () {
        const { flow } = yield* run(bodyFor(1))
        assert.strictEqual(flow.status, "completed")
        const { json } = yield* read(`/api/orchestration/flows/${flow.flow_id}/messages`)
        const lines: ReadonlyArray<Line> = json.messages.filter((line: Line) =>
          line.template !== "event_reminder"
        )
        const over = (channel: string) => lines.filter((line) => line.channel === channel)
        assert.isNotEmpty(over("sms"))
        for (const { reason, status } of over("sms")) {
          assert.strictEqual(status, "skipped")
          assert.strictEqual(reason, "no provider is configured for sms")
        }
        assert.isNotEmpty(over("email"))
        for (const { status } of over("email")) assert.strictEqual(status, "sent")
      }))
  }
)
