/** Mailbox messages and replies as Effect's own tables keep them (`effect/cluster` SqlMessageStorage, 4.1.0). */
import { Effect, Option } from "effect"
import { type Envelope, type MessageStorage, type Reply, ShardId } from "effect/cluster"
import { PersistenceError } from "effect/cluster/ClusterError"
import type { SqlError } from "effect/sql/SqlError"

/** A request, or what was sent after it. */
const kinds = { Request: 0, AckChunk: 1, Interrupt: 2 } as const satisfies Record<
  Envelope.Encoded["_tag"],
  number
>

/** The kind of a reply that ends its request. */
const withExit = 0

/** What a read loop is given. */
export interface Unprocessed {
  readonly envelope: Envelope.Encoded
  readonly lastSentReply: Option.Option<Reply.Encoded>
}

/** A request as it is inserted; ids are snowflakes as text. */
export interface RequestRow {
  readonly id: string
  readonly message_id: string | null
  readonly shard_id: string
  readonly entity_type: string
  readonly entity_id: string
  readonly tag: string
  readonly payload: string
  readonly headers: string
  readonly trace_id: string | null
  readonly span_id: string | null
  readonly sampled: boolean | null
  /** Epoch milliseconds. */
  readonly deliver_at: number | null
}

/** A message as it is read, with the chunk that was last sent of its stream. */
export interface MessageRow
  extends Omit<RequestRow, "message_id" | "deliver_at" | "tag" | "payload" | "headers"> {
  readonly request_id: string
  readonly kind: number
  readonly tag: string | null
  readonly payload: string | null
  readonly headers: string | null
  readonly reply_id: string | null
  readonly chunk_id: string | null
  readonly chunk_sequence: number | null
  readonly chunk_payload: string | null
}

/** A reply as it is read. */
export interface ReplyRow {
  readonly id: string
  readonly request_id: string
  readonly kind: number | null
  readonly payload: string
  readonly sequence: number | null
}

export const isRequest = ({ kind }: Pick<MessageRow, "kind">): boolean => kind === kinds.Request

export const isAck = ({ kind }: Pick<MessageRow, "kind">): boolean => kind === kinds.AckChunk

type Request = Extract<Envelope.Encoded, { readonly _tag: "Request" }>

/** `message_id` is the request's primary key. */
export const requestRow = (
  envelope: Request,
  message_id: string | null,
  deliver_at: number | null
): RequestRow => ({
  id: envelope.requestId,
  message_id,
  shard_id: ShardId.toString(envelope.address.shardId),
  entity_type: envelope.address.entityType,
  entity_id: envelope.address.entityId,
  tag: envelope.tag,
  payload: JSON.stringify(envelope.payload),
  headers: JSON.stringify(envelope.headers),
  trace_id: envelope.traceId ?? null,
  span_id: envelope.spanId ?? null,
  sampled: envelope.sampled ?? null,
  deliver_at
})

/** What a read would give of a request that was just inserted. */
export const insertedMessage = ({ deliver_at: _at, message_id: _key, ...row }: RequestRow): MessageRow => ({
  ...row,
  request_id: row.id,
  kind: kinds.Request,
  reply_id: null,
  chunk_id: null,
  chunk_sequence: null,
  chunk_payload: null
})

const envelopeOf = (row: MessageRow): Envelope.Encoded => {
  const address = {
    shardId: ShardId.fromStringEncoded(row.shard_id),
    entityType: row.entity_type,
    entityId: row.entity_id
  }
  if (isRequest(row)) {
    return {
      _tag: "Request",
      requestId: row.id,
      address,
      tag: row.tag!,
      payload: JSON.parse(row.payload!),
      headers: JSON.parse(row.headers!),
      ...(row.trace_id === null ? undefined : {
        traceId: row.trace_id,
        spanId: row.span_id!,
        sampled: row.sampled === true
      })
    }
  }
  return isAck(row)
    ? { _tag: "AckChunk", id: row.id, requestId: row.request_id, replyId: row.reply_id!, address }
    : { _tag: "Interrupt", id: row.id, requestId: row.request_id, address }
}

export const unprocessedOf = (row: MessageRow): Unprocessed => ({
  envelope: envelopeOf(row),
  lastSentReply: row.chunk_id === null ? Option.none() : Option.some({
    _tag: "Chunk",
    id: row.chunk_id,
    requestId: row.request_id,
    sequence: row.chunk_sequence!,
    values: JSON.parse(row.chunk_payload!)
  })
})

export const replyOf = (row: ReplyRow): Reply.Encoded =>
  row.kind === withExit
    ? { _tag: "WithExit", id: row.id, requestId: row.request_id, exit: JSON.parse(row.payload) }
    : {
      _tag: "Chunk",
      id: row.id,
      requestId: row.request_id,
      sequence: row.sequence!,
      values: JSON.parse(row.payload)
    }

/** What storage is to a cluster, in its encoded form. */
export type Encoded = MessageStorage.Encoded

/** A fault of the database, as a storage reports it. */
export const persistence = Effect.mapError((cause: SqlError) => new PersistenceError({ cause }))
