/**
 * The files a message carries: `variables.attachments`, read from the file store when the message is sent.
 */
import { Effect, Schema } from "effect"
import { FileStore } from "../../files/FileStore.ts"
import type { EmailFile } from "./EmailTransport.ts"
import { DeliveryDelayed, InvalidAttachment } from "./NotificationApi.ts"
import { qrCid } from "./templates/EmailLayout.ts"
import type { Variables } from "./templates/Variables.ts"
import type { Attached } from "./templates/View.ts"

/** One stored file under the name its reader sees. */
export const Attachment = Schema.Struct({
  filename: Schema.String.check(Schema.isPattern(/^[^\\/\p{Cc}]{1,150}$/u)),
  file_key: Schema.String,
  content_type: Schema.String.check(Schema.isPattern(/^[a-z]+\/[a-z0-9.+-]+$/i))
})
export type Attachment = typeof Attachment.Type

const decode = Schema.decodeUnknownEffect(Schema.Array(Attachment).check(Schema.isMaxLength(10)))

const isQr = (file: Attachment) => file.filename === "qr.png" && file.content_type === "image/png"
const isPdf = (file: Attachment) => file.content_type === "application/pdf"

/** The files asked for, less what `include_qr: false` and `include_pdf: false` leave out. */
export const list = Effect.fnUntraced(function* (attachments: unknown, variables: Variables) {
  const files = yield* decode(attachments ?? []).pipe(
    Effect.mapError(() =>
      new InvalidAttachment({
        detail: "`variables.attachments` is up to 10 of { filename, file_key, content_type }."
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

const readOne = Effect.fnUntraced(function* (file: Attachment, index: number) {
  const store = yield* FileStore
  const stored = yield* store.get(file.file_key).pipe(
    Effect.mapError((error) =>
      error.reason === "unavailable"
        ? new DeliveryDelayed({ retry_after: 2, detail: "The file store does not answer." })
        : new InvalidAttachment({ detail: `The file of \`variables.attachments[${index}]\` does not exist.` })
    )
  )
  const read: EmailFile = {
    filename: file.filename,
    contentType: file.content_type,
    content: stored.bytes,
    ...(isQr(file) ? { cid: qrCid } : {})
  }
  return read
})

/** Reads the files; the QR image gets the content id the HTML part shows. */
export const read = (files: ReadonlyArray<Attachment>) => Effect.forEach(files, readOne, { concurrency: 4 })
