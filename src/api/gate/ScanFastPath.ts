/**
 * The fast path of `POST /api/scans/validate`. A steward's plain scan is read, decided and answered here as the
 * contract's own handler would; whatever is not plain (another role, a wrong field, an Idempotency-Key, a token or an
 * event not seen lately) goes the contract's way. So does what could not be decided, or not in time, under the same scan
 * id, and every request whose trace is exported; the time that they took here counts there.
 */
import { Clock, type Config, Context, Duration, Effect, Exit, Layer, Option, Tracer } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import type { Caller } from "../../../rpc/values/Caller.ts"
import type { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { permissionOf } from "../../gate/Operators.ts"
import { plainBody } from "../rules/PlainBody.ts"
import { answerJson, scanAnswer, shown, type ShownVerdict } from "../../gate/ScanAnswer.ts"
import { fromDevice, ScanBody } from "../../gate/ScanBodies.ts"
import { ScanBatcher } from "./ScanBatcher.ts"
import { leavesOut } from "../../telemetry/Sampling.ts"
import { EventNumbers } from "../../store/EventNumbers.ts"
import { TokenStore } from "../../store/TokenStore.ts"
import { clientOf, trustedProxies } from "../../limits/ClientAddress.ts"
import { limitedAs, Limits } from "../../limits/Limits.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { type FastPath, FastPathRegistry, type Head, longestBody, open, text } from "../../FastPath.ts"
import { idempotencyKeyHeader } from "../rules/Idempotency.ts"
import { organizerHeader } from "../rules/Organizer.ts"
import { BegunAt, RequestDeadline } from "../../http/Deadline.ts"
import { requestIdFrom, requestIdHeader } from "../../http/RequestId.ts"

const path = "/api/scans/validate"

const method = "POST"

const bearer = "Bearer "

const isPlain = (head: Head): boolean =>
  head.url === path && head.method === method && head.headers[idempotencyKeyHeader] === undefined &&
  head.headers[organizerHeader] === undefined &&
  Number(text(head, "content-length") ?? longestBody) < longestBody &&
  text(head, "content-type") === "application/json" &&
  (text(head, "authorization") ?? "").startsWith(bearer)

/** The body of a scan, by the schema of the contract; the contract answers whatever does not fit. */
const decodeBody = plainBody(ScanBody)

/** The answer as JSON; one that cannot be worded or encoded is left to the contract, which reports why. */
const answerText = Option.liftThrowable((
  verdict: ShownVerdict,
  acceptLanguage: string | undefined,
  took_ms: number
) => answerJson(scanAnswer(verdict, acceptLanguage, took_ms)))

/** The event that a steward means, if that is known without asking; the contract answers and counts every other. */
const reachedBy = (numbers: EventNumbers["Service"]) => (caller: Caller, number: EventNumber) =>
  caller.events === undefined
    ? numbers.known(caller.owner, number)
    : caller.events.find((event) => event.number === number)?.id

/** A request's span, begun before it is known who answers, and where the contract goes on under it. */
interface Begun {
  readonly span: Tracer.Span
  readonly context: Context.Context<never>
}

/** The first span that is begun by it is this one. */
const goingOn = (tracer: Tracer.Tracer, span: Tracer.Span): Tracer.Tracer => {
  let begun: Tracer.Span | undefined = span
  return Tracer.make({
    context: tracer.context,
    span: (options) => {
      const first = begun ?? tracer.span(options)
      begun = undefined
      return first
    }
  })
}

/** Begins the span that the contract would begin; undefined where nothing is traced. */
const beginBy = (tracer: Tracer.Tracer, clock: Clock.Clock) => ({ headers }: Head): Begun | undefined => {
  if (tracer === Tracer.nativeTracer) return undefined
  const span = tracer.span({
    name: `${method} ${path}`,
    parent: HttpTraceContext.fromHeaders(Headers.fromInput(headers)),
    annotations: Context.empty(),
    links: [],
    startTime: clock.currentTimeNanosUnsafe(),
    kind: "server",
    root: false,
    sampled: true
  })
  return { span, context: Context.make(Tracer.Tracer, goingOn(tracer, span)) }
}

/** An organisation, or a steward, by a token that was found a moment ago; everybody else by the address. */
const callerBy =
  (tokens: TokenStore["Service"], proxies: Parameters<typeof clientOf>[1]): Required<FastPath>["callerOf"] =>
  (head, address) => {
    const authorization = text(head, "authorization") ?? ""
    const caller = authorization.startsWith(bearer)
      ? tokens.known(authorization.slice(bearer.length))
      : undefined
    if (caller !== undefined) return limitedAs(caller)
    const request = {
      headers: Headers.fromInput({ "x-forwarded-for": text(head, "x-forwarded-for") }),
      remoteAddress: Option.fromUndefinedOr(address)
    }
    return clientOf(request, proxies) ?? ""
  }

const make = (
  tokens: TokenStore["Service"],
  batcher: ScanBatcher["Service"],
  keys: SigningKeys["Service"],
  eventOf: (caller: Caller, number: EventNumber) => EventId | undefined,
  limits: Limits["Service"],
  deadline: number,
  begin: (head: Head) => Begun | undefined,
  callerOf: Required<FastPath>["callerOf"]
): FastPath => ({
  takes: isPlain,
  callerOf,
  answer: (head, body, reply) => {
    const caller = tokens.known((text(head, "authorization") ?? "").slice(bearer.length))
    if (caller === undefined || caller.role !== "operator") return false
    const decoded = decodeBody(body)
    if (Option.isNone(decoded) || !limits.takeScan(caller.tokenId)) return false
    const scan = decoded.value
    const eventId = eventOf(caller, scan.event_id)
    if (eventId === undefined) return false
    const started = Date.now()
    const requestId = requestIdFrom(text(head, requestIdHeader))
    const operator = permissionOf(caller, eventId)
    const request = fromDevice(scan, { eventId, operator, scanId: requestId, trusted: keys.trusted })
    const begun = begin(head)
    const resume = () =>
      reply({
        resume: requestId,
        context: Context.add(begun?.context ?? Context.empty(), BegunAt, started)
      })
    if (begun?.span.sampled === true) {
      resume()
      return true
    }
    let timer: ReturnType<typeof setTimeout> | undefined
    const leave = batcher.put(request, (exit) => {
      clearTimeout(timer)
      if (Exit.isFailure(exit)) return resume()
      const answer = answerText(
        shown(exit.value, scan.event_id),
        text(head, "accept-language"),
        Date.now() - started
      )
      if (Option.isNone(answer)) return resume()
      reply({
        status: 200,
        headers: {
          "content-type": "application/json",
          [requestIdHeader]: requestId,
          "x-content-type-options": "nosniff"
        },
        text: answer.value
      })
    }, begun?.span)
    if (leave === undefined) resume()
    else {
      timer = setTimeout(() => {
        leave()
        resume()
      }, deadline)
    }
    return true
  }
})

/** Opens the fast path for as long as the routes are there. */
export const layer: Layer.Layer<
  never,
  Config.ConfigError,
  EventNumbers | FastPathRegistry | Limits | SigningKeys | TokenStore | ScanBatcher
> = Layer
  .effectDiscard(Effect.gen(function* () {
    const registry = yield* FastPathRegistry
    const tracer = yield* Effect.tracer
    if (!leavesOut(tracer)) return
    const begin = beginBy(tracer, yield* Clock.Clock)
    const eventOf = reachedBy(yield* EventNumbers)
    const fastPath = make(
      yield* TokenStore,
      yield* ScanBatcher,
      yield* SigningKeys,
      eventOf,
      yield* Limits,
      Duration.toMillis(yield* RequestDeadline),
      begin,
      callerBy(yield* TokenStore, yield* trustedProxies)
    )
    yield* open(registry, fastPath)
  }))
