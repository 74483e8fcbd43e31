/** Ticket templates over HTTP: everyone's designs, each organiser's colour and logo. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { TemplateId } from "../../../rpc/values/Ids.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Forbidden, InvalidRequest, NotFound, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"

/** A template as the caller's tickets have it; `logo_url` opens for a time. */
export const TemplateView = Schema.Struct({
  template_id: TemplateId,
  name: Schema.String,
  design: Schema.String,
  accent: Schema.String,
  default_accent: Schema.String,
  logo_url: Schema.NullOr(Schema.String)
})
export type TemplateView = typeof TemplateView.Type

/** Null gives the design its own colour back. */
export const StyleBody = Schema.Struct({
  accent: Schema.NullOr(Schema.String.check(
    Schema.isPattern(/^#[0-9a-fA-F]{6}$/, { message: "Expected a colour such as #3b2ad9" })
  ))
})

const png = Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "image/png" }))
const jpeg = Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "image/jpeg" }))

const params = { template_id: TemplateId }

export class TemplatesGroup extends HttpApiGroup.make("templates").add(
  HttpApiEndpoint.get("list", "/templates", {
    success: Schema.Struct({ templates: Schema.Array(TemplateView) }),
    error: Forbidden
  }).annotateMerge(OpenApi.annotations({ summary: "The templates, dressed as your tickets have them" })),
  HttpApiEndpoint.get("get", "/templates/:template_id", {
    params,
    success: TemplateView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "A template" })),
  HttpApiEndpoint.put("setStyle", "/templates/:template_id/style", {
    params,
    payload: StyleBody,
    success: TemplateView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "The colour of your tickets of this template" })),
  HttpApiEndpoint.put("setLogo", "/templates/:template_id/logo", {
    params,
    payload: [png, jpeg],
    success: TemplateView,
    error: [Forbidden, NotFound, InvalidRequest, Unavailable]
  }).annotate(LimitedAs, "documents").annotateMerge(
    OpenApi.annotations({
      summary: "The logo of your tickets of this template",
      description:
        "A PNG or JPEG file of at most 256 KiB and 2 megapixels; it is in every ticket that shows it."
    })
  ),
  HttpApiEndpoint.delete("removeLogo", "/templates/:template_id/logo", {
    params,
    success: TemplateView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "Your tickets of this template without a logo" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Templates",
    description:
      "Designs are shared; a colour and a logo are those of the caller and of tickets of the caller's events alone."
  })) {}
