/**
 * What a mail server's refusal means, by its code and by its words.
 * Guards whose removal turns this file red: each pattern of what passes and of what is too big, the range of final codes,
 * 503, a refused login, 552 without a word of size, both conditions of a message that may have been taken.
 */
import { assert, describe, it } from "@effect/vitest"
import type { NodemailerError } from "nodemailer"
import { isTooBig, mayHaveBeenTaken, toDeliveryError } from "../../../src/services/notifications/SmtpReply.ts"

const refusal = (responseCode?: number, response?: string, more: object = {}): NodemailerError =>
  Object.assign(new Error(response), {
    ...(responseCode === undefined ? {} : { responseCode }),
    ...(response === undefined ? {} : { response }),
    ...more
  }) as NodemailerError

const reasonOf = (error: NodemailerError) => toDeliveryError(error).reason._tag

describe("a mail server's refusal", () => {
  const passing = [
    "5.2.2 over the limit",
    "5.4.5 sent enough",
    "5.4.12 no route",
    "Daily sending quota is used up",
    "Please try again later",
    "Please try it again later",
    "You are over your rate limit",
    "There are too many connections",
    "A temporary fault"
  ]
  for (const said of passing) {
    it(`passes: ${said}`, () => assert.strictEqual(reasonOf(refusal(550, said)), "Unreachable"))
  }

  const final = ["5.1.1 No such user here", "5.7.1 Rejected as spam", "15.2.25 odd", "Do not retry again"]
  for (const said of final) {
    it(`is final: ${said}`, () => assert.strictEqual(reasonOf(refusal(550, said)), "Rejected"))
  }

  const tooBig = [
    "5.3.4 refused",
    "5.2.3 refused",
    "The message is too big",
    "The message is too large",
    "The message is too long",
    "It is over the size limit",
    "The size exceeds what we take",
    "The message exceeds the maximum size"
  ]
  for (const said of tooBig) {
    it(`is of a message that is too big: ${said}`, () => {
      assert.isTrue(isTooBig(refusal(552, said)))
      assert.strictEqual(reasonOf(refusal(552, said)), "Rejected")
      assert.isFalse(isTooBig(refusal(452, said)))
      assert.isFalse(isTooBig(refusal(undefined, said)))
    })
  }

  it("is of a mailbox that is full where 552 says no more", () => {
    assert.isFalse(isTooBig(refusal(552, "Exceeded storage allocation")))
    assert.strictEqual(reasonOf(refusal(552, "Exceeded storage allocation")), "Unreachable")
    assert.strictEqual(reasonOf(refusal(553, "Exceeded storage allocation")), "Rejected")
  })

  it("is final from 500 to 599, but for a wrong order of commands and a login of ours", () => {
    const reasons = [499, 500, 503, 550, 599, 600].map((code) => reasonOf(refusal(code, "No")))
    assert.deepStrictEqual(reasons, [
      "Unreachable",
      "Rejected",
      "Unreachable",
      "Rejected",
      "Rejected",
      "Unreachable"
    ])
    assert.strictEqual(reasonOf(refusal(535, "5.7.8 No", { code: "EAUTH" })), "Unreachable")
    assert.strictEqual(
      reasonOf(refusal(undefined, "Connection closed", { code: "ECONNECTION" })),
      "Unreachable"
    )
  })

  it("may hide that the message was taken when nothing was answered to all of it", () => {
    assert.isTrue(mayHaveBeenTaken(refusal(undefined, "Connection closed"), true))
    assert.isFalse(mayHaveBeenTaken(refusal(undefined, "Connection closed"), false))
    assert.isFalse(mayHaveBeenTaken(refusal(451, "4.0.0 Later"), true))
  })
})
