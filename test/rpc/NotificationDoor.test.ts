/**
 * What a message could not do without saying something wrong, or that nothing would send, is refused in the request, at its place.
 * Guards whose removal turns this file red: each of `exact`, its look into `personalization`, `carried`, `SmsTemplates`, the
 * octets of an address in a header.
 */
import { assert, describe, it } from "@effect/vitest"
import { Exit, Schema } from "effect"
import * as fc from "fast-check"
import { CompleteFlowRequest } from "../../rpc/CompleteFlow.ts"
import { Channel, headerAddress, SequenceRequest, Template } from "../../rpc/NotificationSequence.ts"
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import flow from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }

const accepts = (schema: typeof SequenceRequest | typeof CompleteFlowRequest, body: unknown) =>
  Exit.isSuccess(Schema.decodeUnknownExit(schema as typeof SequenceRequest)(body))

const withData = (data: object) => ({
  ...sequence,
  notification_sequence: [{ ...sequence.notification_sequence[0], data }]
})

/** A variable by itself and in the personalization, where it wins. */
const either = (name: string, value: unknown) => [
  withData({ [name]: value }),
  withData({ subject: "Hello", personalization: { first_name: "Jean", [name]: value } })
]

const zones = ["Europe/Paris", "America/Argentina/Buenos_Aires", "Pacific/Chatham", "UTC", "Asia/Kathmandu"]
const noZones = fc.oneof(
  fc.constantFrom<unknown>(
    "Mars/Olympus",
    "Europe/Atlantis",
    "Paris",
    "",
    " ",
    "CET/CEST",
    "UTC+25",
    null,
    5,
    [],
    {},
    true
  ),
  fc.string({ minLength: 1 }).filter((text) => !/^[A-Za-z+\-:0-9/_]+$/.test(text))
)

describe("the door of messages", () => {
  it("takes the zones that there are, and no other", () => {
    for (const zone of zones) {
      for (const body of either("event_timezone", zone)) assert.isTrue(accepts(SequenceRequest, body), zone)
    }
    fc.assert(fc.property(noZones, (zone) => {
      for (const body of either("event_timezone", zone)) {
        assert.isFalse(accepts(SequenceRequest, body), JSON.stringify(zone))
      }
    }))
  })

  it("takes no address that fits into no header, whatever its characters", () => {
    const letter = fc.constantFrom("a", "é", "漢", "%20", "🎟", "-")
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_900 }), letter, (length, letter) => {
        const url = `https://tickets.example/u/${letter.repeat(Math.ceil(length / letter.length))}`
        const fits = Buffer.byteLength(`List-Unsubscribe: <${new URL(url).href}>`) <= 998
        assert.strictEqual(headerAddress(url) !== undefined, fits)
        for (const body of either("unsubscribe_url", url)) {
          assert.strictEqual(accepts(SequenceRequest, body), fits, url)
        }
      })
    )
    for (
      const url of ["javascript:alert(1)", "mailto:a@b.example", "ftp://a.example/", "", 5, null, "https://"]
    ) {
      for (const body of either("unsubscribe_url", url)) {
        assert.isFalse(accepts(SequenceRequest, body), String(url))
      }
    }
  })

  it("takes no step that no channel of its sequence carries", () => {
    const some = fc.subarray([...Channel.literals], { minLength: 1 })
    fc.assert(fc.property(some, fc.array(some, { minLength: 1, maxLength: 4 }), (channels, steps) => {
      const body = {
        ...sequence,
        channels,
        notification_sequence: steps.map((channels) => ({ ...sequence.notification_sequence[0], channels }))
      }
      const carried = steps.every((own) => own.some((channel) => channels.includes(channel)))
      assert.strictEqual(accepts(SequenceRequest, body), carried)
    }))
  })

  it("takes every template that something sends over its channel", () => {
    for (const template of Template.literals) {
      const with_ = (list: string) => ({
        ...flow,
        notification_config: { ...flow.notification_config, [list]: [template] }
      })
      assert.isTrue(accepts(CompleteFlowRequest, with_("email_templates")), template)
      assert.strictEqual(
        accepts(CompleteFlowRequest, with_("sms_templates")),
        template !== "refund_confirmation"
      )
    }
  })
})
