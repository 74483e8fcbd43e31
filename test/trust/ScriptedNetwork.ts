/** A network that answers by script and remembers what it was asked, below the real transport. */
import { Effect, Layer } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { Loopback } from "../../src/trust/Loopback.ts"
import { ServiceTransport } from "../../src/trust/ServiceTransport.ts"
import { configuration, SecretsLayer } from "./ExampleServices.ts"

export type Sent = HttpClientRequest.HttpClientRequest

/** `answer` sees all that was sent so far, the request that it answers included. */
export const network = (answer: (sent: ReadonlyArray<Sent>) => Effect.Effect<Response>) => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request) =>
    Effect.suspend(() => {
      sent.push(request)
      return Effect.map(answer(sent), (response) => HttpClientResponse.fromWeb(request, response))
    })
  )
  return { sent, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

/** These statuses, one an attempt, then 200. */
export const statuses = (...list: ReadonlyArray<number>) =>
  network((sent) => Effect.sync(() => new Response(null, { status: list[sent.length - 1] ?? 200 })))

/** The services' transport over a network. */
export const transport = (network: Layer.Layer<HttpClient.HttpClient>) =>
  ServiceTransport.layer.pipe(
    Layer.provide(network),
    Layer.provideMerge(Loopback.layer),
    Layer.provideMerge(SecretsLayer),
    Layer.provide(configuration({ PAYMENT_SERVICE_URL: "http://payments.test/api" })),
    Layer.orDie
  )

/** One call as the core makes it. */
export const call = (
  name: Parameters<ServiceTransport["Service"]["client"]>[0],
  path = "/x",
  options?: HttpClientRequest.Options.NoUrl
) =>
  Effect.flatMap(
    ServiceTransport,
    (transport) => transport.client(name, { as: "event-planner-core" }).post(path, options)
  )
