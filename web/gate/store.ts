/**
 * What a scanner keeps in IndexedDB: its access, what it knows of the tickets, and every passage until the server has it.
 * A passage is stored before its answer is shown, so that a killed tab or an empty battery loses none.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb"
import type { OfflineBundle, TicketState } from "../../src/gate/offline/OfflineBundle.ts"
import type { Direction, ScanResult } from "../../rpc/Scan.ts"
import type { Access } from "../device/access.ts"

/**
 * A passage. `asked`: the server was asked and has not answered. `decided`: this device decided alone, and the server
 * does not know yet. `refused`: the server would not take it, and `detail` says why.
 */
export interface Passage {
  readonly id: string
  readonly text: string
  readonly direction: Direction
  readonly event: number
  readonly gate: string
  readonly operator: string
  readonly organizer: string
  readonly at: string
  readonly state: "asked" | "decided" | "refused"
  readonly result: ScanResult | null
  readonly detail?: string
}

/** What the server saw otherwise than this device. */
export interface Disagreement {
  readonly id: string
  readonly kind: string
  readonly at: string
}

/** The bundle as it was last read: its event and keys as they came, and the state of each digest. */
export interface Known {
  readonly event: number
  readonly organizer: string
  readonly gate: string
  readonly about: Pick<typeof OfflineBundle.Encoded, "event" | "keys">
  readonly states: ReadonlyMap<string, TicketState>
  readonly cursor: string
  readonly more: boolean
  /** Who went in and out by this device since the counters of `about` were read. */
  readonly moved: number
}

interface Tables extends DBSchema {
  settings: { key: "access"; value: Access } | { key: "device"; value: string }
  known: { key: "bundle"; value: Known }
  passages: {
    key: string
    value: Passage
    indexes: { state: Passage["state"]; event: [Passage["state"], string, number] }
  }
  disagreements: { key: string; value: Disagreement }
}

export interface Store {
  readonly device: string
  readonly access: () => Promise<Access | null>
  readonly setAccess: (access: Access | null) => Promise<void>
  readonly known: () => Promise<Known | null>
  readonly setKnown: (known: Known) => Promise<void>
  readonly put: (passage: Passage) => Promise<void>
  readonly drop: (ids: ReadonlyArray<string>) => Promise<void>
  readonly in: (state: Passage["state"], most: number) => Promise<ReadonlyArray<Passage>>
  /** The passages of this access' event that the server does not know yet. */
  readonly decidedAt: (access: Access, most: number) => Promise<ReadonlyArray<Passage>>
  /** How many wait, at this access' event and at others. */
  readonly waiting: (access: Access) => Promise<{ readonly here: number; readonly elsewhere: number }>
  readonly disagree: (found: ReadonlyArray<Disagreement>) => Promise<void>
  readonly disagreements: () => Promise<ReadonlyArray<Disagreement>>
}

const keyAt = (
  { event, organizer }: Access
): [Passage["state"], string, number] => ["decided", organizer, event]

const strict = { durability: "strict" } as const

const deviceOf = async (db: IDBPDatabase<Tables>): Promise<string> => {
  const kept = await db.get("settings", "device")
  if (typeof kept === "string") return kept
  const made = `page-${crypto.randomUUID()}`
  await db.put("settings", made, "device")
  return made
}

/** Opens the device's store; every write is on the disk when its promise is kept. */
export const open = async (): Promise<Store> => {
  const db = await openDB<Tables>("guichet-gate", 1, {
    upgrade: (db) => {
      db.createObjectStore("settings")
      db.createObjectStore("known")
      const passages = db.createObjectStore("passages", { keyPath: "id" })
      passages.createIndex("state", "state")
      passages.createIndex("event", ["state", "organizer", "event"])
      db.createObjectStore("disagreements", { keyPath: "id" })
    }
  })
  return {
    device: await deviceOf(db),
    access: async () => (await db.get("settings", "access") as Access | undefined) ?? null,
    setAccess: async (access) => {
      if (access === null) await db.delete("settings", "access")
      else await db.put("settings", access, "access")
    },
    known: async () => (await db.get("known", "bundle")) ?? null,
    setKnown: async (known) => void await db.put("known", known, "bundle"),
    put: async (passage) => {
      const writing = db.transaction("passages", "readwrite", strict)
      await Promise.all([writing.store.put(passage), writing.done])
    },
    drop: async (ids) => {
      const writing = db.transaction("passages", "readwrite", strict)
      await Promise.all([...ids.map((id) => writing.store.delete(id)), writing.done])
    },
    in: (state, most) => db.getAllFromIndex("passages", "state", state, most),
    decidedAt: (access, most) => db.getAllFromIndex("passages", "event", keyAt(access), most),
    waiting: async (access) => {
      const here = await db.countFromIndex("passages", "event", keyAt(access))
      return { here, elsewhere: await db.countFromIndex("passages", "state", "decided") - here }
    },
    disagree: async (found) => {
      const writing = db.transaction("disagreements", "readwrite", strict)
      await Promise.all([...found.map((each) => writing.store.put(each)), writing.done])
    },
    disagreements: () => db.getAll("disagreements")
  }
}
