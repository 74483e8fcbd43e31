/**
 * Taking a step back while what it needs is away, for minutes or for hours.
 * Guards whose removal turns this file red: the patience of a try, the rounds after it, the end of what is final.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Effect, Layer, Schema } from "effect"
import { Workflow, WorkflowEngine } from "effect/workflow"
import { CompleteFlowRequest, StepFailed } from "../../rpc/CompleteFlow.ts"
import type { Plan } from "../../src/flows/Plan.ts"
import { compensate } from "../../src/flows/Compensation.ts"
import { FlowStore, type StepEnd } from "../../src/store/flows/FlowStore.ts"
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { spent } from "../support/PassingTime.ts"

const plan: Plan = {
  flowId: "flow_1",
  executionId: "1",
  owner: "alice",
  eventId: 1,
  request: Schema.decodeUnknownSync(CompleteFlowRequest)(documented),
  createdAt: DateTime.makeUnsafe(0),
  deadline: DateTime.makeUnsafe(0),
  ended: new Map(),
  over: false
}

const Compensating = Workflow.make("Compensating", { payload: {}, idempotencyKey: () => "1" })

/** Refunds with a service that refuses so many times first; answers what was told of it and how long it took. */
const refunding = (refusals: number, retryable = true) =>
  Effect.gen(function* () {
    const told: Array<Omit<StepEnd, "status">> = []
    let tries = 0
    const refund = Effect.suspend(() =>
      ++tries > refusals
        ? Effect.succeed({ requested: "refund" })
        : Effect.fail(new StepFailed({ code: "payment_unavailable", detail: "It is away.", retryable }))
    )
    const flows = Layer.mock(FlowStore, {
      begun: () => Effect.succeed(true),
      compensated: (_flowId, _step, end) => Effect.sync(() => void told.push(end))
    })
    const layer = Compensating.toLayer(() => compensate(plan, "payment", undefined, refund)).pipe(
      Layer.provide(flows),
      Layer.provideMerge(WorkflowEngine.layerMemory)
    )
    yield* Compensating.execute({}).pipe(Effect.provide(layer), spent("1 minute"))
    return { told, tries, minutes: (yield* Clock.currentTimeMillis) / 60_000 }
  })

describe("a step that is compensated", () => {
  it.effect("is compensated at once when the service is there again soon", () =>
    Effect.gen(function* () {
      const { told, tries } = yield* refunding(5)
      assert.deepStrictEqual(told, [{ result: { requested: "refund" } }])
      assert.strictEqual(tries, 6)
    }))

  it.effect("is compensated twenty minutes later when the service is away for longer, and says so meanwhile", () =>
    Effect.gen(function* () {
      const { minutes, told } = yield* refunding(200)
      assert.deepStrictEqual(told, [
        { error: { code: "payment_unavailable", detail: "Not compensated: It is away." } },
        { result: { requested: "refund" } }
      ])
      assert.isAbove(minutes, 30)
    }))

  it.effect("is not tried again when it was refused for good", () =>
    Effect.gen(function* () {
      const { told, tries } = yield* refunding(9, false)
      assert.deepStrictEqual(told, [{
        error: { code: "payment_unavailable", detail: "Not compensated: It is away." }
      }])
      assert.strictEqual(tries, 1)
    }))
})
