/**
 * Answers a stream of scans: its lines are cut out of the bytes as they come, read, counted and handed to the gate 128 at
 * most at once, and answered in their order. A line fails alone; what fails the stream itself ends it.
 */
import { Effect, Exit, Result, Schema, Stream } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Caller } from "../../../rpc/values/Caller.ts"
import * as JsonBounds from "../../bounds/JsonBounds.ts"
import { answerJson } from "../../gate/ScanAnswer.ts"
import { ScanBody } from "../../gate/ScanBodies.ts"
import { Drain } from "../../http/Drain.ts"
import { fieldErrors } from "../../http/ProblemMiddleware.ts"
import type { InvalidRequest, NotFound, Unavailable } from "../../http/Problems.ts"
import { RequestId } from "../../http/RequestId.ts"
import { Limits } from "../../limits/Limits.ts"
import { Seats } from "../../limits/Seats.ts"
import { logFault } from "../../telemetry/Faults.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { CurrentCaller } from "../rules/CurrentCaller.ts"
import { seated } from "../rules/Seated.ts"
import { decideScan } from "./ScannedEvent.ts"
import { ScanStreamGroup, streamBounds } from "./ScanStreamApi.ts"

/** A line of the body, without its end; undefined when it was too long to be kept. */
interface Line {
  readonly number: number
  readonly bytes: Uint8Array | undefined
}

interface Cut {
  readonly number: number
  readonly rest: Uint8Array
  readonly tooLong: boolean
}

const newline = 0x0a

const joined = (one: Uint8Array, other: Uint8Array): Uint8Array => {
  if (one.length === 0) return other
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}

/** The lines that end in this chunk; of a line that is too long nothing is kept until its end. */
const cut = (before: Cut, chunk: Uint8Array): readonly [Cut, ReadonlyArray<Line>] => {
  const lines: Array<Line> = []
  let { number, rest, tooLong } = before
  let from = 0
  for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
    const bytes = tooLong ? undefined : joined(rest, chunk.subarray(from, end))
    lines.push({
      number: ++number,
      bytes: bytes !== undefined && bytes.length > streamBounds.line ? undefined : bytes
    })
    rest = new Uint8Array()
    tooLong = false
    from = end + 1
  }
  if (!tooLong) rest = joined(rest, chunk.subarray(from))
  if (rest.length > streamBounds.line) return [{ number, rest: new Uint8Array(), tooLong: true }, lines]
  return [{ number, rest, tooLong }, lines]
}

/** The lines of a body as its bytes come; the last one needs no end. */
const linesOf = <E>(body: Stream.Stream<Uint8Array, E>): Stream.Stream<Line, E> =>
  Stream.concat(body, Stream.make(new Uint8Array([newline]))).pipe(
    Stream.mapAccum((): Cut => ({ number: 0, rest: new Uint8Array(), tooLong: false }), cut)
  )

const isEmpty = ({ bytes }: Line): boolean => bytes !== undefined && bytes.every((byte) => byte <= 0x20)

const utf8 = new TextDecoder("utf-8", { fatal: true })

const parse = ({ bytes }: Line): Result.Result<unknown, string> => {
  if (bytes === undefined) return Result.fail(`A line has at most ${streamBounds.line} bytes.`)
  const flaw = JsonBounds.check(bytes, JsonBounds.bounds)
  if (flaw !== undefined) return Result.fail(flaw.detail)
  return Result.try({
    try: (): unknown => JSON.parse(utf8.decode(bytes)),
    catch: () => "Send one JSON object on each line, in UTF-8."
  })
}

const decodeBody = Schema.decodeUnknownResult(ScanBody, { errors: "all" })

const problem = (line: number, status: number, rest: object): string =>
  JSON.stringify({ line, status, ...rest })

type Refused = InvalidRequest | NotFound | Unavailable

const statuses: Readonly<Record<Refused["_tag"], number>> = {
  InvalidRequest: 422,
  NotFound: 404,
  Unavailable: 503
}

/** A gate that is away, an event that is not there: as the route of one scan says it. */
const refused = (line: number, error: Refused): string =>
  problem(line, statuses[error._tag], {
    title: error.title,
    detail: error.detail,
    ...(error._tag === "Unavailable" ? { retry_after: error.retry_after } : {})
  })

/** The last line of an answer to a body that is too long. */
const tooMuch = JSON.stringify({
  status: 413,
  title: "The stream is too long",
  detail:
    `End a stream before ${streamBounds.bytes} bytes and begin the next; send what has no answer again under its scan_id.`
})

/** How long a scan waits that is over the token's limit before it is counted again. */
const pause = "20 millis"

/** The longest id of a request that leaves room for the number of a line. */
const longestId = 100

const encoder = new TextEncoder()

export const ScanStreamHttpLayer = HttpApiBuilder.group(
  apiOf(ScanStreamGroup),
  "scanStream",
  Effect.fn(function* (handlers) {
    const decide = yield* decideScan
    const limits = yield* Limits
    const seats = yield* Seats
    const drain = yield* Drain

    /** Waits until the token may send one more scan. */
    const counted = (tokenId: string) =>
      Effect.suspend(() =>
        limits.takeScan(tokenId) ? Effect.void : Effect.sleep(pause).pipe(
          Effect.repeat({ until: () => limits.takeScan(tokenId) }),
          Effect.asVoid
        )
      )

    const answered = Effect.fnUntraced(function* (
      line: Line,
      caller: Caller,
      requestId: string,
      language: string | undefined
    ) {
      const { number } = line
      const json = parse(line)
      if (Result.isFailure(json)) {
        return problem(number, 400, { title: "The line cannot be read", detail: json.failure })
      }
      const body = decodeBody(json.success)
      if (Result.isFailure(body)) {
        const errors = fieldErrors("Payload", body.failure.issue)
        return problem(number, 422, {
          title: "The line is wrong",
          detail: "Correct it as errors says.",
          errors
        })
      }
      const id = body.success.scan_id ?? `${requestId.slice(0, longestId)}.${number}`
      const exit = yield* Effect.exit(decide(body.success, caller, id, language))
      if (Exit.isSuccess(exit)) return `{"line":${number},${answerJson(exit.value).slice(1)}`
      const failure = Exit.findError(exit)
      if (Result.isSuccess(failure)) return refused(number, failure.success)
      yield* logFault("A scan of a stream could not be decided", exit.cause)
      return problem(number, 500, {
        title: "The scan could not be decided",
        detail: "Send it again under its scan_id."
      })
    })

    return handlers.handleAll({
      stream: ({ headers, payload }) =>
        seated(
          seats,
          Effect.gen(function* () {
            const caller = yield* CurrentCaller
            const requestId = yield* RequestId
            return linesOf(payload).pipe(
              Stream.filter((line) => !isEmpty(line)),
              Stream.tap(() => counted(caller.tokenId)),
              Stream.mapEffect((line) => answered(line, caller, requestId, headers["accept-language"]), {
                concurrency: streamBounds.inFlight
              }),
              Stream.catchTag("HttpApiPayloadTooLarge", () => Stream.make(tooMuch)),
              Stream.map((line) => encoder.encode(`${line}\n`)),
              Stream.interruptWhen(drain.leaving)
            )
          })
        )
    })
  })
)
