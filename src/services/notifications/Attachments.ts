/**
 * The files a message carries: `variables.attachments`, read from the file store or drawn when the message is sent.
 */
import { Effect, Schema } from "effect"
import { limited } from "../../../rpc/values/Values.ts"
import { FileStore } from "../../files/FileStore.ts"
import { QrImage } from "../../print/qr/QrImage.ts"
import { qrMatrix } from "../../print/qr/QrMatrix.ts"
import type { EmailFile } from "./EmailTransport.ts"
import { DeliveryDelayed, InvalidAttachment } from "./NotificationApi.ts"
import { qrCid } from "./templates/EmailLayout.ts"
import type { Variables } from "./templates/Variables.ts"
import type { Attached } from "./templates/View.ts"

const named = {
  filename: Schema.String.check(Schema.isPattern(/^[^\\/\p{Cc}]{1,150}$/u)),
  content_type: limited(100, Schema.isPattern(/^[a-z]+\/[a-z0-9.+-]+$/i))
}

/** One file under the name its reader sees: a stored one, or the QR code of a text as a PNG. */
export const Attachment = Schema.Union([
  Schema.Struct({ ...named, file_key: limited(240) }),
  Schema.Struct({ ...named, content_type: Schema.Literal("image/png"), qr_text: limited(4_096) })
])
export type Attachment = typeof Attachment.Type

const decode = Schema.decodeUnknownEffect(Schema.Array(Attachment).check(Schema.isMaxLength(10)))

const isQr = (file: Attachment) => file.filename === "qr.png" && file.content_type === "image/png"
const isPdf = (file: Attachment) => file.content_type === "application/pdf"

/** The files asked for, less what `include_qr: false` and `include_pdf: false` leave out. */
export const list = Effect.fnUntraced(function* (attachments: unknown, variables: Variables) {
  const files = yield* decode(attachments ?? []).pipe(
    Effect.mapError(() =>
      new InvalidAttachment({
        detail:
          "`variables.attachments` is up to 10 of { filename, content_type, file_key }, or `qr_text` for the key."
      })
    )
  )
  return files.filter((file) =>
    !(variables.include_qr === false && isQr(file)) && !(variables.include_pdf === false && isPdf(file))
  )
})

/** What the text of the message may point at. */
export const describe = (files: ReadonlyArray<Attachment>): Attached => ({
  qr: files.some(isQr),
  pdf: files.some(isPdf)
})

const invalid = (index: number, why: string) =>
  new InvalidAttachment({ detail: `The file of \`variables.attachments[${index}]\` ${why}.` })

const stored = Effect.fnUntraced(function* (key: string, index: number) {
  const { bytes } = yield* (yield* FileStore).get(key).pipe(
    Effect.mapError((error) =>
      error.reason === "unavailable"
        ? new DeliveryDelayed({ retry_after: 2, detail: "The file store does not answer." })
        : invalid(index, "does not exist")
    )
  )
  return bytes
})

const drawn = (text: string, index: number) =>
  Effect.try({
    try: () => QrImage.png(qrMatrix(text), "medium"),
    catch: () => invalid(index, "is too long for a QR code")
  })

const readOne = Effect.fnUntraced(function* (file: Attachment, index: number) {
  const read: EmailFile = {
    filename: file.filename,
    contentType: file.content_type,
    content: yield* "qr_text" in file ? drawn(file.qr_text, index) : stored(file.file_key, index),
    ...(isQr(file) ? { cid: qrCid } : {})
  }
  return read
})

/** Reads the files; the QR image gets the content id the HTML part shows. */
export const read = (files: ReadonlyArray<Attachment>) => Effect.forEach(files, readOne, { concurrency: 4 })
