/**
 * What a runner knows of its mailboxes, without a database.
 * Guards whose removal turns this file red: the claim before the insert, the ended claim that a read under way still meets,
 * a claim's identity when its row lands, the drop of a lost shard's mail, the end of an old claim, the pruning of
 * acknowledgments, what is forgotten of a first message with its claim.
 */
import { assert, describe, it } from "@effect/vitest"
import type { MessageRow } from "../../../src/cluster/mailbox/MailboxRows.ts"
import * as WaitingMail from "../../../src/cluster/mailbox/WaitingMail.ts"

const row = (id: string, options: Partial<MessageRow> = {}): MessageRow => ({
  id,
  request_id: id,
  shard_id: "default:1",
  entity_type: "Notes",
  entity_id: "one",
  kind: 0,
  tag: "Note",
  payload: "{}",
  headers: "{}",
  trace_id: null,
  span_id: null,
  sampled: null,
  reply_id: null,
  chunk_id: null,
  chunk_sequence: null,
  chunk_payload: null,
  ...options
})

const ack = (id: string, requestId: string) => row(id, { request_id: requestId, kind: 1, tag: null })

const idsOf = (rows: ReadonlyArray<MessageRow>) => rows.map(({ id }) => id)

const owner = (...shards: ReadonlyArray<string>) => {
  const mail = WaitingMail.make()
  mail.own(shards.length === 0 ? ["default:1"] : shards)
  return mail
}

const take = (mail: WaitingMail.WaitingMail) => idsOf(mail.take(100, undefined))

describe("the mail that waits in a runner", () => {
  it("is what was stored for its shards, once", () => {
    const mail = owner()
    for (const it of [row("1"), row("2", { shard_id: "default:2" })]) mail.deliver(it, mail.claim(it, 0))
    assert.deepStrictEqual(take(mail), ["1"])
    assert.deepStrictEqual(take(mail), [])
    assert.deepStrictEqual(mail.beginRead(0), ["1"])
  })

  it("is not what a read saw before its insert was answered", () => {
    const mail = owner()
    const claim = mail.claim(row("1"), 0)
    assert.deepStrictEqual(mail.beginRead(0), ["1"])
    assert.deepStrictEqual(idsOf(mail.endRead([row("1"), row("2")], 0)), ["2"])
    mail.deliver(row("1"), claim)
    assert.deepStrictEqual(take(mail), ["1"])
  })

  it("is not what was answered while a read was under way", () => {
    const mail = owner()
    mail.deliver(row("1"), mail.claim(row("1"), 0))
    take(mail)
    mail.beginRead(0)
    mail.end("1")
    assert.deepStrictEqual(mail.endRead([row("1")], 0), [])
    assert.deepStrictEqual(mail.beginRead(0), [])
  })

  it("is read again when it is let go, and not twice when its insert lands after that", () => {
    const mail = owner()
    const claim = mail.claim(row("1"), 0)
    mail.releaseShards(["default:1"])
    assert.deepStrictEqual(idsOf(mail.endRead([row("1")], 0)), ["1"])
    assert.isFalse(mail.deliver(row("1"), claim))
    assert.deepStrictEqual(take(mail), [])
    mail.withdraw(claim)
    assert.deepStrictEqual(mail.beginRead(0), ["1"])
  })

  it("ends with a request's first end, also when that is told after its resumption", () => {
    const mail = owner()
    mail.endRead([row("1")], 0)
    mail.end("1")
    mail.release(["1"])
    assert.deepStrictEqual(idsOf(mail.endRead([row("1")], 0)), ["1"])
    assert.deepStrictEqual(mail.beginRead(0), ["1"])
  })

  it("goes with its shard", () => {
    const mail = owner("default:1", "default:2")
    for (const it of [row("1"), row("2", { shard_id: "default:2" })]) mail.deliver(it, mail.claim(it, 0))
    assert.isFalse(mail.own(["default:2"]))
    assert.deepStrictEqual(take(mail), ["2"])
    assert.isTrue(mail.own(["default:1", "default:2"]))
    assert.deepStrictEqual(mail.beginRead(0), ["2"])
  })

  it("comes back in its order when its read failed, unless it was let go", () => {
    const mail = owner()
    for (const it of [row("1"), row("2"), row("3")]) mail.deliver(it, mail.claim(it, 0))
    const taken = mail.take(2, undefined)
    mail.release(["1"])
    mail.putBack(taken)
    assert.deepStrictEqual(take(mail), ["2", "3"])
  })

  it("is read again when nobody ended it for ten minutes", () => {
    const mail = owner()
    mail.endRead([row("1")], 0)
    assert.deepStrictEqual(mail.beginRead(600_000), ["1"])
    assert.deepStrictEqual(mail.beginRead(600_001), [])
  })

  it("keeps of a stream's acknowledgments the last one", () => {
    const mail = owner()
    mail.endRead([row("1")], 0)
    for (const id of ["2", "3", "4"]) assert.deepStrictEqual(idsOf(mail.endRead([ack(id, "1")], 0)), [id])
    assert.deepStrictEqual(mail.beginRead(0), ["1", "4"])
    mail.end("1")
    mail.beginRead(0)
    assert.deepStrictEqual(mail.beginRead(0), [])
  })

  it("is not given before it is taken", () => {
    const mail = owner()
    for (const it of [row("1"), row("2")]) assert.isTrue(mail.deliver(it, mail.claim(it, 0)))
    assert.deepStrictEqual(mail.given(), [])
    mail.take(1, undefined)
    assert.deepStrictEqual(mail.given(), ["1"])
  })

  it("is for some entities when these are asked for", () => {
    const mail = owner()
    const other = row("2", { entity_id: "two" })
    for (const it of [row("1"), other]) mail.deliver(it, mail.claim(it, 0))
    const two = new Set([WaitingMail.addressOf("default:1", "Notes", "two")])
    assert.deepStrictEqual(idsOf(mail.take(10, two)), ["2"])
    mail.releaseAddresses(two)
    assert.deepStrictEqual(mail.beginRead(0), ["1"])
  })

  it("tells the first of an address once, and not when somebody else may have had it", () => {
    const losses: ReadonlyArray<(mail: WaitingMail.WaitingMail) => void> = [
      (mail) => mail.own([]),
      (mail) => mail.release(["1"]),
      (mail) => mail.releaseShards(["default:1"]),
      (mail) => {
        mail.end("1")
        mail.beginRead(0)
      }
    ]
    for (const lose of [undefined, ...losses]) {
      const mail = owner()
      const claim = mail.claim(row("1"), 0)
      mail.deliver(row("1"), claim, true)
      lose?.(mail)
      assert.strictEqual(mail.takeFirst(claim.address), lose === undefined)
      assert.isFalse(mail.takeFirst(claim.address))
    }
  })
})
