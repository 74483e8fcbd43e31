/** The messages of a flow: every one the ledger calls sent, as the file it left behind. */
import { Effect } from "effect"
import type { CompleteFlowRequest, FlowView } from "../../../rpc/CompleteFlow.ts"
import type { MessageView } from "../../../rpc/NotificationSequence.ts"
import { MessagePage } from "../../api/flows/FlowsApi.ts"
import { stem } from "../../services/notifications/Outbox.ts"
import type { DemoClient } from "./DemoClient.ts"
import { DemoFailed } from "./DemoFailed.ts"
import type { DemoFolder } from "./DemoFolder.ts"
import { ledgerFaults } from "./Expected.ts"

/** The whole ledger, page by page. */
const ledger = Effect.fnUntraced(function* (client: DemoClient, flowId: string) {
  const messages: Array<MessageView> = []
  for (let at: string | null = `/api/orchestration/flows/${flowId}/messages?limit=1000`; at !== null;) {
    const page: typeof MessagePage.Type = yield* client.get(at, MessagePage)
    messages.push(...page.messages)
    at = page.next
  }
  return messages
})

const endings = { email: ".eml", sms: ".sms.txt" } as const

/** Compares the ledger with the request and copies the outbox: `ticket_generated.1.eml` went to guest 1. */
export const write = Effect.fn("MessageFiles.write")(function* (
  client: DemoClient,
  folder: DemoFolder,
  flow: FlowView,
  request: CompleteFlowRequest
) {
  const messages = yield* ledger(client, flow.flow_id)
  const faults = ledgerFaults(request, flow.created_at, messages)
  if (faults.length > 0) return yield* DemoFailed.of(faults)

  yield* Effect.forEach(
    messages.filter(({ status }) => status === "sent"),
    ({ channel, guest_id, message_id, type }) =>
      Effect.flatMap(
        folder.read(`outbox/${stem(message_id)}${endings[channel]}`),
        (bytes) => folder.write(`outbox/${type}.${guest_id}${endings[channel]}`, bytes)
      ),
    { concurrency: 4, discard: true }
  )
  return messages
})

/** How many messages of a ledger are sent, over which channel. */
export const sentOver = (messages: ReadonlyArray<MessageView>, channel: MessageView["channel"]): number =>
  messages.filter((message) => message.status === "sent" && message.channel === channel).length

/** The reminders of a ledger in words: how many, and what became of them. */
export const remindersOf = (messages: ReadonlyArray<MessageView>): string => {
  const reminders = messages.filter(({ scheduled_at }) => scheduled_at !== null)
  const among = (what: string, is: (message: MessageView) => boolean): ReadonlyArray<string> => {
    const count = reminders.filter(is).length
    return count === 0 ? [] : [`${count} ${what}`]
  }
  const late = ({ reason }: MessageView) => reason?.startsWith("its time") ?? false
  const words = [
    ...among("scheduled", ({ status }) => status === "scheduled"),
    ...among("skipped: their time had passed", (message) => message.status === "skipped" && late(message)),
    ...among("skipped: no address", (message) => message.status === "skipped" && !late(message))
  ]
  return words.length === 0 ? "none" : words.join(", ")
}
