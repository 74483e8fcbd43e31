/** How the scan service asks the core for a decision: the documented internal body, signed, under the scan's id. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { ScanAnswer } from "../../gate/ScanAnswer.ts"
import { InternalScanBody } from "../../gate/ScanBodies.ts"
import { ServiceTransport } from "../../trust/ServiceTransport.ts"

/** The core did not decide; the scan may be sent again under the same id. */
export class GateUnavailable extends Schema.TaggedError<GateUnavailable>()("GateUnavailable", {
  reason: Schema.String
}) {}

/** One call, tried again by the transport: the scan's id makes that safe. */
export class GateClient extends Context.Service<GateClient, {
  readonly decide: (
    scanId: string,
    body: InternalScanBody,
    acceptLanguage: string | undefined
  ) => Effect.Effect<ScanAnswer, GateUnavailable>
}>()("guichet/services/scans/GateClient") {
  static readonly layer: Layer.Layer<GateClient, never, ServiceTransport> = Layer.effect(
    GateClient,
    Effect.gen(function* () {
      const client = (yield* ServiceTransport).client("core", { as: "scan-validation-service" })
      const encode = HttpClientRequest.schemaBodyJson(InternalScanBody)

      const decide: GateClient["Service"]["decide"] = Effect.fn("GateClient.decide")(
        (scanId, body, acceptLanguage) =>
          encode(
            HttpClientRequest.post("/internal/scan-validation", {
              headers: {
                "x-request-id": scanId,
                ...(acceptLanguage === undefined ? {} : { "accept-language": acceptLanguage })
              }
            }),
            body
          ).pipe(
            Effect.flatMap(client.execute),
            Effect.flatMap(HttpClientResponse.filterStatusOk),
            Effect.flatMap(HttpClientResponse.schemaBodyJson(ScanAnswer)),
            Effect.mapError((error) => new GateUnavailable({ reason: error._tag }))
          )
      )

      return GateClient.of({ decide })
    })
  )
}
