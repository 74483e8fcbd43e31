/** Hands one SMS to the outbox as a text file, or refuses it: there is no provider yet. */
import { Config, Context, DateTime, Effect, Layer, Option } from "effect"
import * as Database from "../../database/Database.ts"
import { DeliveryError, Unequipped, Unreachable } from "./DeliveryError.ts"
import * as Outbox from "./Outbox.ts"
import * as SmsText from "./SmsText.ts"

/** A text to one mobile number in E.164 that has been checked. */
export interface Sms {
  readonly messageId: string
  readonly to: string
  readonly text: string
}

/** Whether SMS become files: what leaves no machine is kept on a database server only by who asks for it. */
export const smsKept = Effect.gen(function* () {
  const wish = yield* Config.option(Config.Boolean("SMS_OUTBOX"))
  return Option.isSome(wish) ? wish.value : Option.isNone(yield* Database.url)
})

/** The port of SMS: answers the segments the text was cut into. */
export class SmsTransport extends Context.Service<SmsTransport, {
  readonly provider: string
  readonly send: (sms: Sms) => Effect.Effect<{ readonly segments: number }, DeliveryError>
}>()("guichet/services/notifications/SmsTransport") {
  /** Every text becomes `<dir>/outbox/<id>.sms.txt`. */
  static readonly layerOutbox = (dir: string) =>
    Layer.effect(
      SmsTransport,
      Effect.gen(function* () {
        const outbox = yield* Outbox.make(dir)
        const send = Effect.fn("SmsTransport.send")(function* (sms: Sms) {
          const { encoding, segments, units } = SmsText.measure(sms.text)
          const file = [
            `To: ${sms.to}`,
            `Date: ${DateTime.formatIso(yield* DateTime.now)}`,
            `Segments: ${segments} (${encoding}, ${units} units)`,
            "",
            sms.text,
            ""
          ].join("\n")
          yield* outbox.write(`${Outbox.stem(sms.messageId)}.sms.txt`, new TextEncoder().encode(file)).pipe(
            Effect.mapError((error) =>
              new DeliveryError({ reason: new Unreachable({ cause: error.reason._tag }) })
            )
          )
          return { segments }
        })
        return SmsTransport.of({ provider: "outbox", send })
      })
    )

  /** Refuses every text for good. */
  static readonly layerNone = Layer.succeed(
    SmsTransport,
    SmsTransport.of({
      provider: "none",
      send: () => Effect.fail(new DeliveryError({ reason: new Unequipped() }))
    })
  )

  /** The outbox in `dir` with the embedded database or when `SMS_OUTBOX` is true, nothing otherwise. */
  static readonly layer = (dir: string) =>
    Layer.unwrap(Effect.map(smsKept, (kept) => kept ? SmsTransport.layerOutbox(dir) : SmsTransport.layerNone))
}
