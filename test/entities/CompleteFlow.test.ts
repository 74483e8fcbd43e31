/**
 * A flow whose run meets a passing fault where no activity of its own waits it out, goes on.
 * Guards whose removal turns this file red: `outlive` around the whole of a flow.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { ShardId, Sharding } from "effect/cluster"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { WorkflowEngine } from "effect/workflow"
import { CompleteFlowLayer } from "../../entities/CompleteFlow.ts"
import { CompleteFlow } from "../../rpc/CompleteFlow.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { Triggers } from "../../src/notifications/Triggers.ts"
import { InvoiceFiles } from "../../src/payments/invoices/InvoiceFiles.ts"
import { PaymentClient } from "../../src/payments/PaymentClient.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { FlowStore } from "../../src/store/flows/FlowStore.ts"
import { JobStore } from "../../src/store/jobs/JobStore.ts"
import { AudienceStore } from "../../src/store/notifications/AudienceStore.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"
import { SequenceStore } from "../../src/store/notifications/SequenceStore.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import { TemplateStore } from "../../src/store/tickets/TemplateStore.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { spent } from "../support/PassingTime.ts"

/** Flows that hold a place of this process. */
const places = 32

const passing = new SqlError({
  reason: new UnknownError({ cause: Object.assign(new Error("away"), { code: "57P01" }), message: "away" })
})

const unused = Layer.mergeAll(
  Layer.mock(AudienceStore)({}),
  Layer.mock(FeedStore)({}),
  Layer.mock(InvoiceFiles)({}),
  Layer.mock(JobStore)({}),
  Layer.mock(NotificationStore)({}),
  Layer.mock(Notifier)({}),
  Layer.mock(PaymentClient)({}),
  Layer.mock(PaymentStore)({}),
  Layer.mock(SequenceStore)({}),
  Layer.mock(Sharding.Sharding)({ getShardId: () => ShardId.make("default", 1), hasShardId: () => false }),
  Layer.mock(TemplateStore)({}),
  Layer.mock(TicketStore)({}),
  Layer.mock(Triggers)({})
)

describe("a flow", () => {
  it.effect("looks for its place again when the database was away", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const again = yield* Deferred.make<void>()
      const flows = Layer.mock(FlowStore)({
        load: () => Effect.never,
        turn: (flowId) =>
          Effect.suspend(() =>
            asked.push(flowId) === 1
              ? Effect.die(passing)
              : Effect.andThen(Deferred.succeed(again, undefined), Effect.never)
          )
      })
      const begin = Effect.gen(function* () {
        for (let nth = 0; nth < places; nth++) {
          yield* CompleteFlow.execute({ flowId: `flow_${nth}` }, { discard: true })
        }
        const last = CompleteFlow.execute({ flowId: "flow_last" })
        yield* spent("1 second")(Effect.raceFirst(Deferred.await(again), last))
      })
      yield* begin.pipe(
        Effect.provide(CompleteFlowLayer.pipe(
          Layer.provide([flows, unused]),
          Layer.provideMerge(WorkflowEngine.layerMemory)
        ))
      )
      assert.deepStrictEqual(asked, ["flow_last", "flow_last"])
    }))
})
