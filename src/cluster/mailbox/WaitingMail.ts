/**
 * What one runner knows of its mailboxes without asking the database: which messages wait for its next read, and which
 * it has been given already. The rows are the truth; this is a shorter way to them, and a list of what not to read twice.
 */
import { isAck, type MessageRow } from "./MailboxRows.ts"

/** A claim that nobody ended is over after so long, as with the stock storage: its message is read again. */
const longestClaim = 10 * 60_000

/** A request that this runner has inserted or read, with what was sent after it; read no more until it is let go. */
export interface Claim {
  readonly requestId: string
  readonly shard: string
  readonly address: string
  readonly since: number
  readonly ids: Set<string>
  lastAck: string | undefined
  /** Its reply is stored: the next read that begins now does not find it any more. */
  ended: boolean
}

type Row = Pick<MessageRow, "id" | "request_id" | "shard_id" | "entity_type" | "entity_id">

/** How an entity is named among the addresses of a read. */
export const addressOf = (shard: string, type: string, id: string): string => `${shard}/${type}/${id}`

export interface WaitingMail {
  /**
   * The shards are this runner's from now on, and no others; what waited for a lost one is its new owner's. True when one
   * was not this runner's before: what is stored for it is unknown.
   */
  readonly own: (shards: ReadonlyArray<string>) => boolean
  /** Keeps a row that is about to be inserted out of reads that may see it before its insert is answered. */
  readonly claim: (row: Row, now: number) => Claim
  /**
   * The row is stored: it waits for the next read, if its shard is this runner's. False when it was let go meanwhile: a
   * read may have been too early for it, so that the database must be asked again.
   */
  readonly deliver: (row: MessageRow, claim: Claim, isFirst?: boolean) => boolean
  /**
   * Whether this runner stored the first message of an address itself and has held its shard since: nobody else can know
   * anything of it. True once.
   */
  readonly takeFirst: (address: string) => boolean
  /** The row was not stored, or nobody knows: what there is of it is read. */
  readonly withdraw: (claim: Claim) => void
  /** What waits, at most so much, for these entities or for all. */
  readonly take: (limit: number, addresses: ReadonlySet<string> | undefined) => ReadonlyArray<MessageRow>
  /** Undoes a take whose read failed. */
  readonly putBack: (rows: ReadonlyArray<MessageRow>) => void
  /** The ids that a read of the database which begins now must leave out. */
  readonly beginRead: (now: number) => ReadonlyArray<string>
  /** What the read found and this runner has not been given; it is claimed. */
  readonly endRead: (rows: ReadonlyArray<MessageRow>, now: number) => ReadonlyArray<MessageRow>
  /** The ids of what the read loop was given and nobody has answered: what else is unanswered waits to be read. */
  readonly given: () => ReadonlyArray<string>
  /** The request's reply is stored. */
  readonly end: (requestId: string) => void
  /** Lets requests be read again, also those that wait. */
  readonly release: (requestIds: ReadonlyArray<string>) => void
  readonly releaseShards: (shards: ReadonlyArray<string>) => void
  readonly releaseAddresses: (addresses: ReadonlySet<string>) => void
}

export const make = (): WaitingMail => {
  const claims = new Map<string, Claim>()
  /** By address. */
  const firsts = new Map<string, Claim>()
  let owned: ReadonlySet<string> = new Set()
  let waiting: Array<MessageRow> = []
  let ended: Array<Claim> = []

  const claim = (row: Row, now: number): Claim => {
    const made: Claim = {
      requestId: row.request_id,
      shard: row.shard_id,
      address: addressOf(row.shard_id, row.entity_type, row.entity_id),
      since: now,
      ids: new Set([row.id]),
      lastAck: undefined,
      ended: false
    }
    claims.set(row.request_id, made)
    return made
  }

  const drop = (claim: Claim) => {
    claims.delete(claim.requestId)
    if (firsts.get(claim.address) === claim) firsts.delete(claim.address)
  }

  const releaseWhere = (isReleased: (claim: Claim) => boolean) => {
    for (const claim of claims.values()) if (isReleased(claim)) drop(claim)
    waiting = waiting.filter(({ request_id }) => claims.has(request_id))
  }

  return {
    own: (shards) => {
      const before = owned
      owned = new Set(shards)
      if ([...before].some((shard) => !owned.has(shard))) releaseWhere(({ shard }) => !owned.has(shard))
      return shards.some((shard) => !before.has(shard))
    },

    claim,

    deliver: (row, claim, isFirst = false) => {
      if (claims.get(row.request_id) !== claim) return false
      if (owned.has(row.shard_id)) {
        waiting.push(row)
        if (isFirst) firsts.set(claim.address, claim)
      } else claims.delete(row.request_id)
      return true
    },

    takeFirst: (address) => firsts.delete(address),

    withdraw: (claim) => {
      if (claims.get(claim.requestId) === claim) drop(claim)
    },

    take: (limit, addresses) => {
      const taken: Array<MessageRow> = []
      const kept: Array<MessageRow> = []
      for (const row of waiting) {
        const isAsked = addresses === undefined ||
          addresses.has(addressOf(row.shard_id, row.entity_type, row.entity_id))
        if (isAsked && taken.length < limit) taken.push(row)
        else kept.push(row)
      }
      waiting = kept
      return taken
    },

    putBack: (rows) => {
      waiting = [...rows.filter(({ request_id }) => claims.has(request_id)), ...waiting]
    },

    beginRead: (now) => {
      for (const claim of ended) {
        if (claim.ended && claims.get(claim.requestId) === claim) drop(claim)
      }
      ended = []
      for (const claim of claims.values()) {
        if (now - claim.since > longestClaim) drop(claim)
      }
      return [...claims.values()].flatMap(({ ids }) => [...ids])
    },

    endRead: (rows, now) =>
      rows.filter((row) => {
        const found = claims.get(row.request_id)
        if (found !== undefined && (found.ended || found.ids.has(row.id))) return false
        const claimed = found ?? claim(row, now)
        claimed.ids.add(row.id)
        if (isAck(row)) {
          if (claimed.lastAck !== undefined) claimed.ids.delete(claimed.lastAck)
          claimed.lastAck = row.id
        }
        return true
      }),

    given: () => {
      const inLine = new Set(waiting.map(({ id }) => id))
      return [...claims.values()].flatMap(({ ids }) => [...ids].filter((id) => !inLine.has(id)))
    },

    end: (requestId) => {
      const found = claims.get(requestId)
      if (found === undefined || found.ended) return
      found.ended = true
      ended.push(found)
    },

    release: (requestIds) => {
      const released = new Set(requestIds)
      releaseWhere(({ requestId }) => released.has(requestId))
    },

    releaseShards: (shards) => {
      const released = new Set(shards)
      releaseWhere(({ shard }) => released.has(shard))
    },

    releaseAddresses: (addresses) => releaseWhere(({ address }) => addresses.has(address))
  }
}
