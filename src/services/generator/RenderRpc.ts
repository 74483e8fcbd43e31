/** What a render thread is asked: some tickets of a chunk, drawn and stored. */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"
import { FileStoreError } from "../../files/FileStore.ts"
import { BatchTicket } from "../../../rpc/TicketWebhookBodies.ts"
import { PrintDetail } from "../../../rpc/PrintDetails.ts"
import { JobTicket, RenderOptions } from "./TicketApi.ts"

/** A ticket with what is printed on it. */
export const Printable = Schema.Struct({ ticket: JobTicket, detail: PrintDetail })
export type Printable = typeof Printable.Type

/** The reports come in the order of the tickets; a store that cannot be written fails all of them. */
export const Render = Rpc.make("Render", {
  payload: { tickets: Schema.Array(Printable), options: RenderOptions },
  success: Schema.Array(BatchTicket),
  error: FileStoreError
})

export class RenderRpc extends RpcGroup.make(Render) {}
