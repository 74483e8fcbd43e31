/** What the customer and the bank do in the sandbox, by hand; these routes exist with no other gateway. */
import { Effect, Layer, Option, Schema } from "effect"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { PaymentId } from "../../../../rpc/values/Ids.ts"
import { Amount } from "../../../../rpc/values/Money.ts"
import { Conflict, NotFound } from "../../../http/Problems.ts"
import { ProblemMiddleware } from "../../../http/ProblemMiddleware.ts"
import { AllowedServices } from "../../../trust/CallingService.ts"
import { ServiceAuth } from "../../../trust/ServiceAuth.ts"
import { PaymentLedger } from "../contract/PaymentLedger.ts"
import { SandboxBank } from "./SandboxBank.ts"
import type { SandboxRefund } from "./SandboxBank.ts"
import type { SandboxAction } from "./SandboxEvents.ts"
import { refundKeyOf } from "./SandboxGateway.ts"

const Done = Schema.Struct({ payment_id: PaymentId, event: Schema.Literal("queued") })

/** What needs no more than its name. */
const action = <const Name extends Exclude<SandboxAction, "cancel" | "refund" | "refund_arrives">>(
  name: Name
) =>
  HttpApiEndpoint.post(name, `/${name}`, {
    params: { id: PaymentId },
    success: Done,
    error: [NotFound, Conflict]
  })

/**
 * One route an action; each sends the webhook that Stripe would send. Whoever calls them decides payments, so that they
 * are signed as the rest of the service.
 */
export class SandboxGroup extends HttpApiGroup.make("sandbox").add(
  action("confirm"),
  action("fail"),
  action("fail_refund"),
  action("inquire"),
  action("dispute"),
  action("win"),
  action("lose"),
  HttpApiEndpoint.post("refund", "/refund", {
    params: { id: PaymentId },
    payload: Schema.Struct({ amount: Schema.optionalKey(Amount) }),
    success: Done,
    error: [NotFound, Conflict]
  })
).prefix("/sandbox/payments/:id").middleware(ProblemMiddleware).middleware(ServiceAuth)
  .annotate(AllowedServices, ["event-planner-core", "payment-service"]) {}

export class SandboxApi extends HttpApi.make("payment-sandbox").add(SandboxGroup).prefix("/api") {}

const act = Effect.fn("Sandbox.act")(function* (
  bank: SandboxBank["Service"],
  id: string,
  name: SandboxAction,
  refund?: SandboxRefund
) {
  const entry = yield* (yield* PaymentLedger).find(id)
  if (Option.isNone(entry)) return yield* new NotFound({ detail: "This payment was never asked for." })
  yield* Effect.mapError(
    bank.act(entry.value, name, refund),
    ({ detail }) => new Conflict({ detail })
  )
  return { payment_id: id, event: "queued" } as const
})

/** The routes over a `SandboxBank`. */
export const SandboxRoutesLayer = HttpApiBuilder.layer(SandboxApi).pipe(
  Layer.provide(HttpApiBuilder.group(
    SandboxApi,
    "sandbox",
    Effect.fn(function* (handlers) {
      const bank = yield* SandboxBank
      return handlers
        .handle("confirm", ({ params: { id } }) => act(bank, id, "confirm"))
        .handle("fail", ({ params: { id } }) => act(bank, id, "fail"))
        .handle("fail_refund", ({ params: { id } }) => act(bank, id, "fail_refund"))
        .handle("inquire", ({ params: { id } }) => act(bank, id, "inquire"))
        .handle("dispute", ({ params: { id } }) => act(bank, id, "dispute"))
        .handle("win", ({ params: { id } }) => act(bank, id, "win"))
        .handle("lose", ({ params: { id } }) => act(bank, id, "lose"))
        .handle("refund", ({ params: { id }, payload: { amount } }) =>
          act(bank, id, "refund", {
            key: refundKeyOf({ refund_id: `sandbox ${amount ?? "all"}` }),
            name: "",
            amount
          }))
    })
  )),
  Layer.provide([ProblemMiddleware.layer, ServiceAuth.layer])
)
