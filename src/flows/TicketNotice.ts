/** The message to the guest of a ticket that its generator reported by itself (flow 4, third action). */
import { Context, Effect, Layer } from "effect"
import { isFlowOver } from "../../rpc/CompleteFlow.ts"
import type { Channel } from "../../rpc/NotificationSequence.ts"
import { ticketMessageIds } from "./MessagesStep.ts"
import { type Message, messageIdOf, toGuest } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import type { Reader } from "../store/notifications/AudienceStore.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import { SequenceStore } from "../store/notifications/SequenceStore.ts"

const template = "ticket_generated"

/** The message that brings a ticket to its guest. */
export const ticketMessage = (messageId: string, channel: Channel, guest: Reader): Message =>
  toGuest(guest, { messageId, type: template, template, channel, priority: "high", data: {} })

export class TicketNotice extends Context.Service<TicketNotice, {
  /**
   * Sends `ticket_generated` by e-mail, once ever a ticket, unless something else sends the guest messages about it: a
   * sequence of theirs, or the ticket's flow, which sent one, is under way and will, or was asked not to. What cannot be
   * delivered stays in the ledger, and is tried again with the ticket's next report.
   */
  readonly send: (ticketId: number, guest: Reader) => Effect.Effect<void>
}>()("guichet/flows/TicketNotice") {
  static readonly layer = Layer.effect(
    TicketNotice,
    Effect.gen(function* () {
      const flows = yield* FlowStore
      const ledger = yield* NotificationStore
      const notifier = yield* Notifier
      const sequences = yield* SequenceStore

      const flowSpeaks = Effect.fnUntraced(function* (flowId: string, guestId: number) {
        const { request, status } = yield* flows.load(flowId)
        if (!request.ticket_config.send_notifications) return true
        const ids = ticketMessageIds(flowId, request, guestId)
        if (ids.length === 0) return false
        return !isFlowOver[status] || (yield* ledger.anyOf(ids))
      })

      const send = Effect.fn("TicketNotice.send")(function* (ticketId: number, guest: Reader) {
        const { event_id: eventId, flow_id: flowId, guest_id: guestId } = guest
        if (yield* sequences.speaks(eventId, guestId, "ticket_creation")) return
        if (flowId !== null && (yield* flowSpeaks(flowId, guestId))) return
        const messageId = messageIdOf(`ticket_${ticketId}`, template, guestId, "email")
        const message = ticketMessage(messageId, "email", guest)
        const { sent } = yield* notifier.deliver({ flowId, sequenceId: null }, [message])
        if (sent === 0) yield* Effect.logWarning("A guest could not be notified of a ticket", { ticketId })
      })

      return { send }
    })
  )
}
