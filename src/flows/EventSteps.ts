/** Steps 1 to 3: is the request admissible, the event, its guests. */
import { Effect } from "effect"
import { StepFailed } from "../../rpc/CompleteFlow.ts"
import { Event } from "../../rpc/Event.ts"
import { TemplateStore } from "../store/tickets/TemplateStore.ts"
import { Triggers } from "../notifications/Triggers.ts"
import type { Plan } from "./Plan.ts"
import { askEntity } from "../durable/AskEntity.ts"

const final = (code: string, detail: string) => new StepFailed({ code, detail, retryable: false })

/** What the body cannot show by itself: that its template exists. */
export const validate = (plan: Plan) =>
  Effect.gen(function* () {
    const templates = yield* TemplateStore
    const id = plan.request.ticket_config.template_id
    if (!(yield* templates.exists(id))) return yield* final("unknown_template", `There is no template ${id}.`)
    return { guests: plan.request.guests.length }
  })

export const publish = (plan: Plan) =>
  Effect.gen(function* () {
    const { event_data: event } = plan.request
    const gate = (yield* Event.client)(String(plan.eventId))
    yield* askEntity(gate.Publish({ owner: plan.owner, event })).pipe(
      Effect.catchTags({
        EventNotYours: () =>
          Effect.fail(final("event_not_yours", `Event ${event.event_id} belongs to someone else.`)),
        EventClosed: ({ status }) =>
          Effect.fail(
            final("event_closed", `Event ${event.event_id} is ${status}: its organiser opens it again.`)
          )
      })
    )
    return { event_id: event.event_id }
  })

export const register = (plan: Plan) =>
  Effect.gen(function* () {
    const { event_data: event, guests } = plan.request
    const gate = (yield* Event.client)(String(plan.eventId))
    const { registered } = yield* askEntity(gate.RegisterGuests({ flowId: plan.flowId, guests })).pipe(
      Effect.catchTags({
        EventNotFound: () => Effect.fail(final("event_not_found", `There is no event ${event.event_id}.`)),
        EventFull: (full) =>
          Effect.fail(
            final("event_full", `The event holds ${full.max_attendees}; ${full.requested} would come.`)
          )
      })
    )
    yield* (yield* Triggers).fire(plan.eventId, guests.map((guest) => guest.guest_id), "registration")
    return { registered }
  })
