/**
 * Messages of the ledger made anew, from what they were made of: a flow's request, a sequence's step, a payment, a ticket, the
 * calling off of an event. The ledger keeps no words, so that a message that is sent again says what is true now, to the
 * address that its reader has now.
 */
import { Effect, Option } from "effect"
import { calledOffMessage } from "../flows/CallOff.ts"
import { messagesOf } from "../flows/MessagesStep.ts"
import { noticeNamed } from "../flows/PaymentNotice.ts"
import { ticketMessage } from "../flows/TicketNotice.ts"
import { dueMessages } from "../notifications/DueReminders.ts"
import type { Message } from "../notifications/Message.ts"
import { stepMessages } from "../notifications/SequenceSteps.ts"
import { AudienceStore } from "../store/notifications/AudienceStore.ts"
import type { Letter } from "../store/notifications/DeadLetters.ts"
import { SequenceStore } from "../store/notifications/SequenceStore.ts"
import { CancellationStore } from "../store/payments/CancellationStore.ts"

/** What a letter is, or undefined when what it was about is not there any more. */
type Made = Message | undefined

const ofSequence = Effect.fnUntraced(function* (letter: Letter, sequenceId: string) {
  const stored = yield* (yield* SequenceStore).get(sequenceId)
  if (Option.isNone(stored)) return undefined
  const sequence = stored.value
  if (sequence.user_id !== null) {
    return (yield* stepMessages(sequence)).find(({ messageId }) => messageId === letter.message_id)
  }
  const { event_id, guest_id } = letter
  if (event_id === null || guest_id === null) return undefined
  return (yield* dueMessages([{ ...letter, event_id, guest_id }]))[0]
})

const ofTicket = Effect.fnUntraced(function* (letter: Letter, ticketId: number) {
  const holder = yield* (yield* AudienceStore).holder(ticketId)
  return Option.isNone(holder) ? undefined : ticketMessage(letter.message_id, letter.channel, holder.value)
})

const ofCancellation = Effect.fnUntraced(function* ({ event_id, guest_id, message_id }: Letter) {
  if (event_id === null || guest_id === null) return undefined
  const calledOff = yield* (yield* CancellationStore).get(event_id)
  if (Option.isNone(calledOff)) return undefined
  const readers = yield* (yield* AudienceStore).guests(event_id, [guest_id])
  return readers.map((reader) => calledOffMessage(calledOff.value, reader))
    .find(({ messageId }) => messageId === message_id)
})

/** By the name of what a message is about, which its id begins with. */
const remade = (letter: Letter): Effect.Effect<Made, never, RemakeNeeds> => {
  const { flow_id: flowId, guest_id: guestId, message_id: id, sequence_id: sequenceId } = letter
  const ticket = /^ticket_(\d{1,15})\./.exec(id)?.[1]
  if (sequenceId !== null) return ofSequence(letter, sequenceId)
  if (ticket !== undefined) return ofTicket(letter, Number(ticket))
  if (id.startsWith("pay_")) return noticeNamed(id)
  if (id.startsWith("cancellation_")) return ofCancellation(letter)
  if (flowId === null || guestId === null || !id.startsWith(`${flowId}.`)) return Effect.succeed(undefined)
  return Effect.map(
    messagesOf(flowId, [guestId]),
    (messages) => messages.find(({ messageId }) => messageId === id)
  )
}

/** What `remake` is made of. */
export type RemakeNeeds =
  | AudienceStore
  | CancellationStore
  | SequenceStore
  | Effect.Services<ReturnType<typeof messagesOf>>
  | Effect.Services<ReturnType<typeof noticeNamed>>
  | Effect.Services<ReturnType<typeof dueMessages>>
  | Effect.Services<ReturnType<typeof stepMessages>>

/** Messages with the letters they are, and the ids of those that cannot be made any more. */
export const remake = Effect.fn("Remake.remake")(function* (letters: ReadonlyArray<Letter>) {
  const made = yield* Effect.forEach(
    letters,
    (letter) => Effect.map(remade(letter), (message) => ({ letter, message }))
  )
  return {
    messages: made.flatMap(({ message }) => message ?? []),
    gone: made.flatMap(({ letter, message }) => message === undefined ? [letter.message_id] : [])
  }
})
