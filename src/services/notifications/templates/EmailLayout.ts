/**
 * One look for every e-mail: 600 px of tables with inline styles, readable in the dark, and the same in
 * plain text.
 */
import { html } from "./Html.ts"
import type { Html } from "./Html.ts"
import type { Content, Fact } from "./Template.ts"
import type { Locale, View } from "./View.ts"

/** The content id of the QR image inside the message. */
export const qrCid = "qr-code@guichet"

const words = {
  fr: {
    hello: (name: string | undefined) => name === undefined ? "Bonjour," : `Bonjour ${name},`,
    why: (by: string) => `Message envoyé par ${by} à propos de votre inscription.`,
    unsubscribe: "Ne plus recevoir de rappels",
    scan: "QR code du billet",
    colon: " : "
  },
  en: {
    hello: (name: string | undefined) => name === undefined ? "Hello," : `Hello ${name},`,
    why: (by: string) => `Sent by ${by} about your registration.`,
    unsubscribe: "Stop receiving reminders",
    scan: "Ticket QR code",
    colon: ": "
  }
} as const

/** No word makes a message wider than its window. */
const breaks = "word-break:break-word;overflow-wrap:anywhere;"

const sans = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
const mono = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"

const dark = `:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){.page{background:#0f1117!important}.card{background:#1a1d27!important;border-color:#2b3040!important}
.ink{color:#f2f4f8!important}.soft{color:#a5adbd!important}.box{background:#232735!important}.cut{border-color:#3a4157!important}}
@media (max-width:620px){.pad{padding-left:22px!important;padding-right:22px!important}.title{font-size:25px!important;line-height:31px!important}}
@media (max-width:400px){.pad{padding-left:16px!important;padding-right:16px!important}.cut{padding:14px 6px!important}}`

const known = (facts: ReadonlyArray<Fact> | undefined) =>
  (facts ?? []).flatMap(([label, value]) => value === undefined ? [] : [{ label, value }])

const said = (content: Content) => content.paragraphs.filter((text) => text !== undefined)

const row = (padding: string, inside: Html): Html =>
  html`
    <tr>
      <td class="pad" style="padding:${padding};${sans}${breaks}">${inside}</td>
    </tr>
  `

const factRows = (content: Content): Html | undefined => {
  const facts = known(content.facts)
  if (facts.length === 0) return undefined
  const lines = facts.map(({ label, value }, i) =>
    html`
      <tr>
        <td style="padding:${i === 0 ? "16px" : "0"} 20px 16px;${sans}${breaks}">
          <div class="soft"
            style="font-size:12px;line-height:16px;letter-spacing:.04em;text-transform:uppercase;color:#6b7280;">${label}</div>
          <div class="ink" style="font-size:16px;line-height:23px;font-weight:600;color:#111827;">${value}</div>
        </td>
      </tr>
    `
  )
  return row(
    "20px 40px 0",
    html`
      <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="box"
        style="background:#f3f4f8;border-radius:12px;table-layout:fixed;">${lines}</table>
    `
  )
}

const stubRow = (content: Content, locale: Locale): Html | undefined => {
  const stub = content.stub
  if (stub === undefined || (stub.code === undefined && !stub.qr)) return undefined
  const image = stub.qr
    ? html`
      <img src="cid:${qrCid}" width="256" height="256" alt="${words[locale].scan}"
        style="display:block;box-sizing:border-box;margin:0 auto 14px;width:256px;max-width:100%;height:auto;border:4px solid #ffffff;border-radius:12px;background:#ffffff;">
    `
    : undefined
  const code = stub.code === undefined ? undefined : html`
    <div class="soft"
      style="font-size:12px;line-height:16px;letter-spacing:.04em;text-transform:uppercase;color:#6b7280;">${stub
        .label}</div>
    <div class="ink"
      style="${mono}font-size:21px;line-height:30px;font-weight:700;letter-spacing:.05em;color:#111827;word-break:break-word;">${stub
        .code}</div>
  `
  return row(
    "28px 40px 0",
    html`
      <div class="cut" align="center"
        style="text-align:center;border:2px dashed #d3d7e3;border-radius:14px;padding:22px 16px;">${image}${code}</div>
    `
  )
}

const actionRow = (content: Content): Html | undefined =>
  content.action?.url === undefined ? undefined : row(
    "28px 40px 0",
    html`
      <table role="presentation" cellpadding="0" cellspacing="0" border="0">
        <tr>
          <td bgcolor="#4f46e5"
            style="border-radius:10px;background:#4f46e5;"><a href="${content.action
              .url}" style="display:inline-block;padding:14px 26px;${sans}font-size:16px;line-height:20px;font-weight:600;color:#ffffff;text-decoration:none;">${content
              .action.label}</a></td>
        </tr>
      </table>
    `
  )

/** The HTML part. */
export const toHtml = (
  content: Content,
  view: View,
  locale: Locale,
  unsubscribeUrl: string | undefined
): string => {
  const say = words[locale]
  const by = view.organizer ?? "Guichet"
  const paragraphs = said(content).map((text) =>
    html`<p class="ink" style="margin:0 0 12px;font-size:16px;line-height:25px;color:#1f2937;">${text}</p>`
  )
  const note = content.note === undefined ? undefined : row(
    "24px 40px 0",
    html`<p class="soft" style="margin:0;font-size:14px;line-height:21px;color:#6b7280;">${content.note}</p>`
  )
  const leave = unsubscribeUrl === undefined
    ? undefined
    : html`<br><a href="${unsubscribeUrl}" class="soft" style="color:#6b7280;text-decoration:underline;">${say.unsubscribe}</a>`
  return html`
    <!doctype html>
    <html lang="${locale}" dir="ltr">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width,initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="supported-color-schemes" content="light dark">
        <meta name="format-detection" content="telephone=no,date=no,address=no,email=no">
        <title>${content.subject}</title>
        <style>${{ markup: dark }}</style>
      </head>
      <body class="page" style="margin:0;padding:0;background:#eceef4;-webkit-text-size-adjust:100%;">
        <div style="display:none;max-height:0;overflow:hidden;">${said(content)[0]}</div>
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="page"
          style="background:#eceef4;table-layout:fixed;">
          <tr>
            <td align="center" style="padding:32px 12px;">
              <table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"
                style="width:100%;max-width:600px;table-layout:fixed;">
                <tr>
                  <td class="soft"
                    style="padding:0 8px 14px;${sans}${breaks}font-size:14px;line-height:20px;font-weight:600;color:#4b5563;">${by}</td>
                </tr>
                <tr>
                  <td>
                    <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"
                      class="card"
                      style="background:#ffffff;border:1px solid #e1e4ec;border-radius:18px;border-collapse:separate;overflow:hidden;table-layout:fixed;">
    <tr><td class="pad" bgcolor="#312e81" style="background:#312e81;padding:34px 40px 32px;${sans}${breaks}border-radius:17px 17px 0 0;"><div style="font-size:13px;line-height:18px;font-weight:600;letter-spacing:.08em;text-transform:uppercase;color:#c7d2fe;">${content
      .kicker}</div><h1 class="title" style="margin:8px 0 0;font-size:29px;line-height:36px;font-weight:700;color:#ffffff;">${content
      .title}</h1></td></tr>
    ${row(
      "30px 40px 0",
      html`
        <p class="ink"
          style="margin:0 0 12px;font-size:16px;line-height:25px;color:#1f2937;">${say.hello(
            view.firstName
          )}</p>${paragraphs}
      `
    )}${stubRow(content, locale)}${factRows(content)}${actionRow(content)}${note}
    <tr><td style="height:38px;line-height:38px;font-size:0;">&nbsp;</td></tr>
                    </table>
                  </td>
                </tr>
                <tr>
                  <td class="soft" align="center"
                    style="padding:20px 16px 0;${sans}${breaks}font-size:13px;line-height:20px;color:#6b7280;">${say
                      .why(by)}${leave}</td>
                </tr>
              </table>
            </td>
          </tr>
        </table>
      </body>
    </html>
  `.markup
}

/** The plain-text part: the same message, line by line. */
export const toText = (
  content: Content,
  view: View,
  locale: Locale,
  unsubscribeUrl: string | undefined
): string => {
  const say = words[locale]
  const facts = known(content.facts).map(({ label, value }) => `${label}${say.colon}${value}`)
  const code = content.stub?.code
  const blocks = [
    content.title,
    say.hello(view.firstName),
    ...said(content),
    code === undefined ? undefined : `${content.stub?.label}${say.colon}${code}`,
    facts.length === 0 ? undefined : facts.join("\n"),
    content.action?.url === undefined
      ? undefined
      : `${content.action.label}${say.colon}${content.action.url}`,
    content.note,
    `-- \n${say.why(view.organizer ?? "Guichet")}`,
    unsubscribeUrl === undefined ? undefined : `${say.unsubscribe}${say.colon}${unsubscribeUrl}`
  ]
  return `${blocks.filter((block) => block !== undefined).join("\n\n")}\n`
}
