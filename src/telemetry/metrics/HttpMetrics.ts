/** What is measured of requests that are answered and of services that are called. */
import * as Instruments from "./Instruments.ts"

/** A request that was answered: by its method, the template of its route, and its status. */
const answered = Instruments.duration("http.server.request.duration", {
  description: "How long requests took until their answers began, by method, route template and status",
  labels: ["http.request.method", "http.route", "http.response.status_code"],
  most: 1_000
})

/** Methods that OpenTelemetry knows; others are `_OTHER`. */
const methods = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "CONNECT",
  "QUERY"
])

/** `route` is empty where none matches. */
export const requestAnswered = (method: string, route: string, status: number, millis: number): void =>
  answered.update(millis / 1_000, methods.has(method) ? method : "_OTHER", route, String(status))

const called = Instruments.duration("http.client.request.duration", {
  description: "How long calls of other services took, with their retries, by service, route and outcome",
  labels: ["peer.service", "http.request.method", "url.template", "http.response.status_code", "error.type"]
})

const retried = Instruments.counter("guichet.service.retries", {
  description: "Attempts at calls of other services that followed a failed one, by service",
  unit: "{attempt}",
  labels: ["peer.service"]
})

const refused = Instruments.counter("guichet.service.refusals", {
  description:
    "Calls of other services that were not made, by service and reason: the circuit was open, or too many waited",
  unit: "{call}",
  labels: ["peer.service", "reason"]
})

const breaker = Instruments.gauge("guichet.service.breaker.state", {
  description:
    "The circuit breaker of each service: 0 is closed, 1 tries whether the service is back, 2 is open",
  unit: "1",
  labels: ["peer.service"]
})

const busy = Instruments.gauge("guichet.service.calls", {
  description: "Calls of other services by service and state: under way, or waiting for a place",
  unit: "{call}",
  labels: ["peer.service", "state"]
})

/** A service that is about to be called: panels and alerts of it have a line from the beginning. */
export const serviceKnown = (service: string): void => {
  breakerIs(service, "Closed")
  callsAre(service, 0, 0)
  retried.update(0, service)
  refused.update(0, service, "open")
  refused.update(0, service, "full")
}

/** A segment of a path that is an id, and no word of a route. */
const isId = (segment: string): boolean => /[^a-z-]/.test(segment) || segment.length > 32

/** A path without what is particular in it: bounded, for the routes of the services are few. */
export const templateOf = (path: string): string =>
  path.split("?")[0]!.split("/").map((segment) => segment !== "" && isId(segment) ? ":id" : segment).join("/")

/** `outcome` is a status, or the name of an error. */
export const serviceCalled = (
  service: string,
  method: string,
  path: string,
  outcome: number | string,
  millis: number
): void =>
  called.update(
    millis / 1_000,
    service,
    method,
    templateOf(path),
    typeof outcome === "number" ? String(outcome) : "",
    typeof outcome === "string" ? outcome : outcome >= 500 ? String(outcome) : ""
  )

export const serviceRetried = (service: string): void => retried.update(1, service)

export const serviceRefused = (service: string, reason: "open" | "full"): void =>
  refused.update(1, service, reason)

const breakerStates = { Closed: 0, HalfOpen: 1, Open: 2 } as const

export const breakerIs = (service: string, state: keyof typeof breakerStates): void =>
  breaker.update(breakerStates[state], service)

export const callsAre = (service: string, underWay: number, waiting: number): void => {
  busy.update(underWay, service, "active")
  busy.update(waiting, service, "waiting")
}
