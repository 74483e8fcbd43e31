/** Answers about messages and the addresses that nothing is sent to: an organiser's own, an admin's of everybody. */
import { Clock, Effect, Option } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { managers } from "../../../rpc/values/Caller.ts"
import type { EventNumber } from "../../../rpc/values/Ids.ts"
import { Conflict } from "../../http/Problems.ts"
import { DeadLetters, type Letter } from "../../store/notifications/DeadLetters.ts"
import { SuppressionStore } from "../../store/notifications/SuppressionStore.ts"
import { ticketMessage } from "../../flows/TicketNotice.ts"
import { messageIdOf } from "../../notifications/Message.ts"
import { Notifier } from "../../notifications/Notifier.ts"
import { AudienceStore } from "../../store/notifications/AudienceStore.ts"
import { TicketStore } from "../../store/tickets/TicketStore.ts"
import { resourceId } from "../rules/ResourceId.ts"
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
    const audience = yield* AudienceStore
    const tickets = yield* TicketStore
    const notifier = yield* Notifier
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
      sendTicket: ({ params: { ticket_id: ticketId }, payload: { channel } }) =>
        Effect.gen(function* () {
          yield* visible("ticket", Effect.option(tickets.get(ticketId)))
          const holder = yield* audience.holder(ticketId)
          if (Option.isNone(holder)) {
            return yield* new Conflict({ detail: "The ticket is voided: it is not sent any more." })
          }
          const minute = Math.floor((yield* Clock.currentTimeMillis) / 60_000)
          const again = yield* resourceId("again", { ticketId, channel }, (first) =>
            Effect.succeed(`${first}-${minute}`))
          const id = messageIdOf(`ticket_${ticketId}`, again, holder.value.guest_id, channel)
          const message = ticketMessage(id, channel, holder.value)
          if (message.recipient === null) {
            return yield* new Conflict({ detail: `The guest has no address for ${channel}.` })
          }
          yield* notifier.enlist({ flowId: holder.value.flow_id, sequenceId: null }, [message])
          yield* letters.send(id)
          return yield* whole(id)
        }),
      correct: ({ params, payload }) =>
        Effect.gen(function* () {
          const { event_id: eventId } = yield* own(params.event_id)
          if (!(yield* audience.correct(eventId, params.guest_id, payload))) return yield* missing("guest")
          const [guest] = yield* audience.guests(eventId, [params.guest_id])
          return { guest_id: params.guest_id, email: guest!.email, phone: guest!.phone }
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
