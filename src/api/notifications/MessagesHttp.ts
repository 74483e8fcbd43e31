/** Answers about messages and the addresses that nothing is sent to: an organiser's own, an admin's of everybody. */
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { managers } from "../../../rpc/values/Caller.ts"
import type { EventNumber } from "../../../rpc/values/Ids.ts"
import { Conflict } from "../../http/Problems.ts"
import { DeadLetters, type Letter } from "../../store/notifications/DeadLetters.ts"
import { SuppressionStore } from "../../store/notifications/SuppressionStore.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { requireRole } from "../rules/CurrentCaller.ts"
import { pageSize } from "../rules/NextPage.ts"
import { ownEvent } from "../rules/OwnEvent.ts"
import { missing, ownerOf, visible } from "../rules/Visible.ts"
import { MessagesGroup } from "./MessagesApi.ts"

const most = 10_000

const shown = (
  {
    event_id: _id,
    event_number,
    flow_id: _flow,
    owner: _owner,
    priority: _priority,
    sequence_id: _seq,
    ...letter
  }: Letter
) => ({
  ...letter,
  event_id: event_number
})

/** What comes behind a page that is full, and its address. */
const nextAfter = Effect.fnUntraced(function* (path: string, ids: ReadonlyArray<string>, limit: number) {
  const last = ids.at(-1)
  if (last === undefined || ids.length < limit) return { next_after: null, headers: {} }
  const { url } = yield* HttpServerRequest.HttpServerRequest
  const search = new URL(url, "http://localhost").searchParams
  search.set("after", last)
  return { next_after: last, headers: { link: `<${path}?${search}>; rel="next"` } }
})

export const MessagesHttpLayer = HttpApiBuilder.group(
  apiOf(MessagesGroup),
  "messages",
  Effect.fn(function* (handlers) {
    const letters = yield* DeadLetters
    const suppressions = yield* SuppressionStore
    const own = yield* ownEvent

    const within = Effect.fnUntraced(function* (number: EventNumber | undefined) {
      const owner = yield* ownerOf
      return { owner, eventId: number === undefined ? undefined : (yield* own(number)).event_id }
    })

    const letter = (messageId: string) => visible("message", letters.get(messageId))

    const whole = Effect.fnUntraced(function* (messageId: string) {
      const found = yield* letter(messageId)
      return { ...shown(found), attempt_list: yield* letters.attempts(messageId) }
    })

    /** The list of the organiser that a caller acts for. */
    const mine = Effect.map(requireRole(...managers), ({ owner }) => owner)

    return handlers.handleAll({
      dead: ({ query: { after = "", event_id, limit = pageSize } }) =>
        Effect.gen(function* () {
          const rows = yield* letters.page(yield* within(event_id), { after, limit })
          const { headers, next_after } = yield* nextAfter(
            "/api/messages/dead",
            rows.map((row) => row.message_id),
            limit
          )
          return HttpApiSchema.withHeaders({ body: { messages: rows.map(shown), next_after }, headers })
        }),
      resendDead: ({ payload }) =>
        Effect.gen(function* () {
          return { marked: yield* letters.resendAll(yield* within(payload.event_id), most) }
        }),
      get: ({ params }) => whole(params.message_id),
      resend: ({ params }) =>
        Effect.gen(function* () {
          const { status } = yield* letter(params.message_id)
          if (!(yield* letters.resend(params.message_id))) {
            return yield* new Conflict({
              detail: `The message is ${status}: only what failed or was suppressed is sent again.`
            })
          }
          return yield* whole(params.message_id)
        }),
      suppressions: ({ query: { after = "", limit = pageSize } }) =>
        Effect.gen(function* () {
          const rows = yield* suppressions.list(yield* mine, { after, limit })
          const { headers, next_after } = yield* nextAfter(
            "/api/suppressions",
            rows.map((row) => row.digest),
            limit
          )
          return HttpApiSchema.withHeaders({ body: { suppressions: rows, next_after }, headers })
        }),
      suppress: ({ payload: { detail = null, ...body } }) =>
        Effect.gen(function* () {
          const owner = yield* mine
          yield* suppressions.add(owner, { ...body, reason: "manual", detail })
          const [entry] = (yield* suppressions.find(owner, body.address)).filter(({ channel }) =>
            channel === body.channel
          )
          return entry!
        }),
      lift: ({ params }) =>
        Effect.gen(function* () {
          if (!(yield* suppressions.lift(yield* mine, params.digest))) return yield* missing("entry")
          return { lifted: true } as const
        })
    })
  })
)
