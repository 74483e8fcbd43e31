/** Answers for templates: a style belongs to whoever sets it. */
import { Effect, Option, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { createHash, randomBytes } from "node:crypto"
import { managers } from "../../../rpc/values/Caller.ts"
import * as FairPlaces from "../../durable/FairPlaces.ts"
import { FileLinks } from "../../files/FileLinks.ts"
import { FileStore } from "../../files/FileStore.ts"
import { LogoDecoder } from "../../images/LogoDecoder.ts"
import { largestLogo, logoWeight, readLogo } from "../../print/pdf/Logo.ts"
import { accentOf, TicketDesign } from "../../print/tickets/TicketTemplates.ts"
import { SpareLogos } from "../../store/tickets/SpareLogos.ts"
import { type StyledTemplate, TemplateStore } from "../../store/tickets/TemplateStore.ts"
import { TemplatesGroup } from "./TemplatesApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { requireRole } from "../rules/CurrentCaller.ts"
import { fileStoreAway } from "../rules/FileStoreAway.ts"
import { printerBusy } from "../rules/PrinterBusy.ts"
import { noStore } from "../../http/NoStore.ts"
import { InvalidRequest, Unavailable } from "../../http/Problems.ts"
import { missing } from "../rules/Visible.ts"

const isDesign = Schema.is(TicketDesign)

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex")

const owner = Effect.map(requireRole(...managers), ({ owner }) => owner)

const refused = InvalidRequest.at(
  "",
  "Send a whole PNG file (at most 8 bits a channel, not interlaced) or JPEG file (baseline or progressive) of at most " +
    "256 KiB, 2 megapixels and 4,096 pixels an edge, under its own Content-Type."
)

const heavy = InvalidRequest.at(
  "",
  "This logo would add more than 256 KiB to every ticket: send it smaller, or with fewer colours."
)

const tooSlow = new Unavailable({
  detail: "The logo took so long to be stored that it was given up; send it again.",
  retry_after: 5
})

/** A place of its own for every upload: a file is never another picture, and never one that is being removed. */
const keyOf = (organizer: string, templateId: number, digest: string, extension: string) =>
  `logos/${sha256(organizer).slice(0, 40)}/${templateId}-${digest.slice(0, 40)}-${
    randomBytes(6).toString("hex")
  }.${extension}`

export const TemplatesHttpLayer = HttpApiBuilder.group(
  apiOf(TemplatesGroup),
  "templates",
  Effect.fn(function* (handlers) {
    const templates = yield* TemplateStore
    const files = yield* FileStore
    const links = yield* FileLinks
    const spare = yield* SpareLogos
    const decoder = yield* LogoDecoder
    const inPlace = FairPlaces.makeBounded({ places: 1, asked: 4 })

    const view = Effect.fnUntraced(function* ({ accent, logo_key, ...template }: StyledTemplate) {
      const own = isDesign(template.design) ? accentOf(template.design) : accentOf("minimal")
      return {
        ...template,
        accent: accent ?? own,
        default_accent: own,
        logo_url: logo_key === null ? null : yield* links.make(logo_key)
      }
    })

    const styled = Effect.fnUntraced(function* (organizer: string, templateId: number) {
      const found = yield* templates.get(organizer, templateId)
      return Option.isSome(found) ? found.value : yield* missing("template")
    })

    const shown = (organizer: string, templateId: number) =>
      Effect.flatMap(styled(organizer, templateId), view)

    const take = Effect.fn("TemplatesHttp.setLogo")(
      function* (organizer: string, templateId: number, bytes: Uint8Array) {
        const file = readLogo(bytes)
        if (Option.isNone(file)) return yield* refused
        const logo = yield* inPlace({ owner: organizer, priority: "normal" }, decoder.decode(bytes)).pipe(
          Effect.catchTags(printerBusy)
        )
        if (Option.isNone(logo)) return yield* refused
        if (logoWeight(logo.value) > largestLogo.bytes) return yield* heavy
        const digest = sha256(bytes)
        const key = keyOf(organizer, templateId, digest, file.value.extension)
        yield* spare.reserve(key)
        yield* Effect.catchTag(
          files.put(key, bytes, file.value.contentType),
          "FileStoreError",
          fileStoreAway
        )
        if (!(yield* templates.setLogo(organizer, templateId, { key, digest }))) return yield* tooSlow
      }
    )

    return handlers.handleAll({
      list: () =>
        noStore(Effect.gen(function* () {
          const rows = yield* templates.list(yield* owner)
          return { templates: yield* Effect.forEach(rows, view) }
        })),
      get: ({ params: { template_id } }) =>
        noStore(Effect.flatMap(owner, (organizer) => shown(organizer, template_id))),
      setStyle: ({ params: { template_id }, payload }) =>
        noStore(Effect.gen(function* () {
          const organizer = yield* owner
          yield* styled(organizer, template_id)
          yield* templates.setAccent(organizer, template_id, payload.accent?.toLowerCase() ?? null)
          return yield* shown(organizer, template_id)
        })),
      setLogo: ({ params: { template_id }, payload }) =>
        noStore(Effect.gen(function* () {
          const organizer = yield* owner
          yield* styled(organizer, template_id)
          yield* take(organizer, template_id, payload)
          return yield* shown(organizer, template_id)
        })),
      removeLogo: ({ params: { template_id } }) =>
        noStore(Effect.gen(function* () {
          const organizer = yield* owner
          yield* styled(organizer, template_id)
          yield* templates.setLogo(organizer, template_id, null)
          return yield* shown(organizer, template_id)
        }))
    })
  })
)
