/** Every template, in both languages and on both channels, with all, some and none of its variables. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Template } from "../../../rpc/NotificationSequence.ts"
import { measure } from "../../../src/services/notifications/SmsText.ts"
import { Templates } from "../../../src/services/notifications/Templates.ts"
import * as Variables from "../../../src/services/notifications/templates/Variables.ts"

const everything = {
  first_name: "Jean",
  event_id: 1,
  event_name: "Tech Conference 2025",
  event_date: "2025-06-20T09:00:00Z",
  event_end_date: "2025-06-20T17:00:00Z",
  event_timezone: "Europe/Paris",
  event_location: "Paris Expo Porte de Versailles",
  organizer_name: "Les Nuits du Code",
  ticket_code: "TKT-001-ABC123",
  ticket_url: "https://tickets.example.com/t/ticket-123456?a=1&b=2",
  amount: 99.99,
  currency: "EUR",
  invoice_number: "2025-000042",
  invoice_url: "https://tickets.example.com/i/42",
  reminder_hours: 24,
  user_id: 123,
  unknown: { nested: true }
}

const ids = [...Template.literals]

const all = ids.flatMap((id) => [{ id, locale: "fr" }, { id, locale: "en" }])

const none = { qr: false, pdf: false }

const email = Effect.fnUntraced(function* (
  templateId: string,
  variables: Record<string, unknown>,
  subject: string | null = null,
  attached = none
) {
  const templates = yield* Templates
  return yield* templates.email({
    templateId,
    subject,
    variables: yield* Variables.decode(variables),
    attached
  })
})

const sms = Effect.fnUntraced(function* (templateId: string, variables: Record<string, unknown>) {
  const templates = yield* Templates
  return yield* templates.sms({
    templateId,
    subject: null,
    variables: yield* Variables.decode(variables),
    attached: none
  })
})

const holes = /undefined|null|NaN|\{\{|\$\{|\[object|Invalid/

describe("a template", () => {
  layer(Templates.layer)((it) => {
    it.effect("exists for every id of the flows", () =>
      Effect.gen(function* () {
        assert.sameMembers([...(yield* Templates).ids], ids)
        const error = yield* Effect.flip(email("nope", {}))
        assert.strictEqual(error._tag, "UnknownTemplate")
        if (error._tag === "UnknownTemplate") assert.sameMembers([...error.known], ids)
      }))

    it.effect.each(all)("leaves no hole: $id in $locale", ({ id, locale }) =>
      Effect.gen(function* () {
        const odd = {
          first_name: 7,
          event_name: null,
          event_date: [],
          amount: "x",
          ticket_url: "javascript:alert(1)"
        }
        for (
          const variables of [{ ...everything, locale }, { locale }, { ...odd, locale }, {
            ...everything,
            event_date: "bientôt",
            locale
          }]
        ) {
          const { html, subject, text } = yield* email(id, variables)
          for (const part of [html, subject, text, yield* sms(id, variables)]) assert.notMatch(part, holes)
          assert.notInclude(html, "javascript:")
          assert.notMatch(`${subject}\n${text}`, / {2}| ,| \.|\(\)/)
          assert.include(html, `<html lang="${locale}"`)
        }
      }))

    it.effect.each(all)(
      "says the same in HTML and in text: $id in $locale",
      ({ id, locale }) =>
        Effect.gen(function* () {
          const { html, text } = yield* email(id, { ...everything, locale })
          for (const said of ["Jean", "Tech Conference 2025"]) {
            assert.include(html, said)
            assert.include(text, said)
          }
          assert.include(html, "Les Nuits du Code")
        })
    )

    it.effect.each(all)(
      "escapes what guests and organisers typed: $id in $locale",
      ({ id, locale }) =>
        Effect.gen(function* () {
          const evil = '<script>alert("1")</script>\''
          const { html } = yield* email(id, {
            ...everything,
            locale,
            first_name: evil,
            event_name: evil,
            event_location: evil,
            organizer_name: evil,
            ticket_code: evil,
            amount_text: evil,
            invoice_number: evil,
            event_date: evil
          }, evil)
          assert.notInclude(html, "<script")
          assert.include(html, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;")
        })
    )

    it.effect.each(all)("fits two SMS: $id in $locale", ({ id, locale }) =>
      Effect.gen(function* () {
        for (const first_name of ["Jean", "Zoë"]) {
          const text = yield* sms(id, {
            ...everything,
            first_name,
            locale,
            event_name: "Rencontres internationales des développeurs 2025"
          })
          assert.isAtMost(measure(text).segments, 2, text)
        }
        assert.strictEqual(measure(yield* sms(id, { ...everything, locale })).encoding, "GSM-7")
      }))

    it.effect("tells the date in the event's own zone and the reader's language", () =>
      Effect.gen(function* () {
        const fr = yield* email("event_reminder", everything)
        assert.include(fr.text, "vendredi 20 juin 2025 à 11:00")
        assert.include(
          (yield* email("event_reminder", { ...everything, locale: "en-US" })).text,
          "20 June 2025 at 11:00"
        )
        assert.include(
          (yield* email("event_reminder", { ...everything, event_timezone: undefined })).text,
          "09:00 UTC"
        )
        assert.include(
          (yield* email("event_reminder", { ...everything, event_date: "2025-06-20T11:00" })).text,
          "11:00"
        )
        assert.include(
          (yield* email("event_reminder", { ...everything, event_date: "samedi, 20 h" })).text,
          "samedi, 20 h"
        )
      }))

    it.effect("writes major units as money, and an amount that is already text as it is", () =>
      Effect.gen(function* () {
        assert.include((yield* email("payment_confirmation", everything)).text, "99,99\u00a0€")
        assert.include((yield* email("payment_confirmation", { ...everything, locale: "en" })).text, "€99.99")
        assert.include(
          (yield* email("payment_confirmation", { ...everything, amount: 5000, currency: "jpy" })).text,
          "5\u202f000\u00a0JPY"
        )
        assert.include(
          (yield* email("payment_confirmation", { ...everything, amount: 2500, currency: "huf" })).text,
          "2\u202f500,00\u00a0HUF"
        )
        assert.include(
          (yield* email("payment_confirmation", { ...everything, amount_text: "12 F" })).text,
          "12 F"
        )
        assert.notInclude((yield* email("payment_confirmation", { amount: 99.99 })).text, "99")
      }))

    it.effect("takes the subject of the caller, on one line, before its own", () =>
      Effect.gen(function* () {
        assert.strictEqual(
          (yield* email("welcome", everything, "Bienvenue !\r\nBcc: x@example.com")).subject,
          "Bienvenue ! Bcc: x@example.com"
        )
        assert.strictEqual(
          (yield* email("welcome", everything, null)).subject,
          "Bienvenue à Tech Conference 2025"
        )
        assert.strictEqual(
          (yield* email("welcome", everything, "  ")).subject,
          "Bienvenue à Tech Conference 2025"
        )
      }))

    it.effect("shows the QR image and mentions the PDF only when they are there", () =>
      Effect.gen(function* () {
        const both = yield* email("ticket_generated", everything, null, { qr: true, pdf: true })
        assert.include(both.html, 'src="cid:qr-code@guichet"')
        assert.include(both.text, "PDF")
        const neither = yield* email("ticket_generated", everything)
        assert.notInclude(neither.html, "cid:")
        assert.notInclude(neither.text, "PDF")
      }))

    it.effect("says how long it still is, ever coarser the further away", () =>
      Effect.gen(function* () {
        const words: ReadonlyArray<readonly [hours: number | undefined, fr: string, en: string]> = [
          [undefined, "bientôt", "soon"],
          [-0.1, "maintenant", "now"],
          [0, "maintenant", "now"],
          [1 / 60, "dans 1 minute", "in 1 minute"],
          [0.25, "dans 15 minutes", "in 15 minutes"],
          [0.23, "dans 15 minutes", "in 15 minutes"],
          [0.98, "dans 1 heure", "in 1 hour"],
          [1, "dans 1 heure", "in 1 hour"],
          [1.5, "dans 1 heure 30", "in 1 hour 30 minutes"],
          [1.96, "dans 2 heures", "in 2 hours"],
          [23.9, "dans 24 heures", "in 24 hours"],
          [23.1, "dans 23 heures", "in 23 hours"],
          [71.99, "dans 3 jours", "in 3 days"],
          [60, "dans 60 heures", "in 60 hours"]
        ]
        for (const [reminder_hours, fr, en] of words) {
          for (const [locale, said] of [["fr", ` commence ${fr}`], ["en", ` starts ${en}`]] as const) {
            const variables = { ...everything, locale, reminder_hours }
            const { subject, text } = yield* email("event_reminder", variables)
            assert.isTrue(subject.endsWith(said), subject)
            assert.include(text, `${said}.`)
            assert.match(
              yield* sms("event_reminder", variables),
              new RegExp(`${said.replace("ô", "o")}[ ,.(]`)
            )
          }
        }
      }))

    it.effect("hides the place when the reminder is told to", () =>
      Effect.gen(function* () {
        const hidden = { ...everything, include_location: false }
        assert.notInclude((yield* email("event_reminder", hidden)).text, "Paris Expo")
        assert.notInclude(yield* sms("event_reminder", hidden), "Paris Expo")
        assert.include(yield* sms("event_reminder", { ...hidden, include_location: true }), "Paris Expo")
      }))

    it.effect("lets a reader leave reminders, and reminders only", () =>
      Effect.gen(function* () {
        const variables = { ...everything, unsubscribe_url: "https://tickets.example.com/u/1" }
        const reminder = yield* email("event_reminder", variables)
        assert.strictEqual(reminder.unsubscribeUrl, variables.unsubscribe_url)
        assert.include(reminder.html, "Ne plus recevoir de rappels")
        assert.isUndefined((yield* email("ticket_generated", variables)).unsubscribeUrl)
      }))

    it.effect("greets nobody by what a mail program would make a link of", () =>
      Effect.gen(function* () {
        for (
          const first_name of [
            "http://evil.example/win",
            "evil.example",
            "www.evil",
            "a@evil.example",
            "EVIL.COM/x"
          ]
        ) {
          const { html, text } = yield* email("welcome", { ...everything, first_name })
          assert.notInclude(html + text, first_name)
        }
        for (const first_name of ["Jean-Luc", "J. R.", "Đặng", "O’Neill", "St. John"]) {
          assert.include((yield* email("welcome", { ...everything, first_name })).text, first_name)
        }
      }))

    it.effect("carries the event in UTC under an id that stays", () =>
      Effect.gen(function* () {
        const ics = Effect.fnUntraced(function* (variables: Record<string, unknown>) {
          const { calendar } = yield* email("ticket_generated", variables)
          return new TextDecoder().decode(calendar?.content)
        })
        const file = yield* ics({
          ...everything,
          event_name: `Café; crème, \\ ${"é".repeat(60)}`,
          event_version: 3
        })
        for (
          const line of [
            "UID:event-1@guichet.invalid",
            "DTSTART:20250620T090000Z",
            "DTEND:20250620T170000Z",
            "SEQUENCE:3"
          ]
        ) {
          assert.include(file.split("\r\n"), line)
        }
        for (const line of file.split("\r\n")) assert.isAtMost(Buffer.byteLength(line), 75)
        assert.include(file.replaceAll("\r\n ", ""), `SUMMARY:Café\\; crème\\, \\\\ ${"é".repeat(60)}\r\n`)
        const nameless = { ...everything, event_id: undefined }
        assert.strictEqual(/UID:.*/.exec(yield* ics(nameless))?.[0], /UID:.*/.exec(yield* ics(nameless))?.[0])
        const endless = yield* ics({ ...everything, event_end_date: undefined })
        assert.include(endless.split("\r\n"), "DTEND:20250620T120000Z")
        assert.strictEqual(yield* ics({ ...everything, event_date: "bientôt" }), "")
        assert.isUndefined((yield* email("payment_confirmation", everything)).calendar)
      }))

    it.effect("greets nobody by what a mail program makes a link of", () =>
      Effect.gen(function* () {
        const links = [
          "http://evil.example/win",
          "HTTPS://EVIL.EXAMPLE",
          "www.evil.example",
          "evil.example",
          "evil。example",
          "ｅｖｉｌ．ｅｘａｍｐｌｅ",
          "evil\u2024example",
          "ev\u00adil.exam\u200bple",
          "ftp://a",
          "win@evil.example",
          "mailto:win",
          "tel:+33600000000",
          "192.0.2.7",
          "Jean.evil.example/win"
        ]
        const names = [
          "Jean",
          "J.",
          "J.-P.",
          "Jean-Pierre",
          "O'Neill",
          "Zoë",
          "李",
          "Dr.",
          "M.",
          "D’Arc",
          "Anne-Sophie",
          "7"
        ]
        for (const id of ids) {
          for (const locale of ["fr", "en"]) {
            const greeted = (first_name: string) => email(id, { ...everything, locale, first_name })
            for (const link of links) {
              const { html, text } = yield* greeted(link)
              assert.notInclude(
                `${html}${text}${yield* sms(id, { ...everything, locale, first_name: link })}`,
                link
              )
              assert.match(text, /^(Bonjour|Hello),$/m)
            }
            for (const name of names) assert.include((yield* greeted(name)).text, ` ${name},`)
          }
        }
      }))

    it.effect("says that a time is UTC where its zone is not known", () =>
      Effect.gen(function* () {
        for (const event_timezone of [undefined, "Mars/Olympus", "Paris", 5]) {
          const { text } = yield* email("event_reminder", { ...everything, event_timezone })
          assert.include(text, "09:00 UTC", String(event_timezone))
        }
      }))

    it.effect.each(all)(
      "is no wider than a window of 360 px: $id in $locale",
      ({ id, locale }) =>
        Effect.gen(function* () {
          const { html } = yield* email(id, { ...everything, locale }, null, { qr: true, pdf: true })
          for (const [table = ""] of html.matchAll(/<table[^>]*width="(?:100%|600)"[^>]*>/g)) {
            assert.include(
              table,
              "table-layout:fixed",
              "a fixed table is as wide as it may be, and not as its words are"
            )
          }
          for (const [cell = ""] of html.matchAll(/<td[^>]*font-family[^>]*>(?!<a)/g)) {
            assert.include(cell, "overflow-wrap:anywhere")
          }
          for (const [image = ""] of html.matchAll(/<img[^>]*>/g)) assert.include(image, "max-width:100%")
          assert.notMatch(html, /(?<!max-)width:(3[3-9]\d|[4-9]\d\d|\d{4,})px/)
        })
    )

    it.effect("names its buttons by what they open", () =>
      Effect.gen(function* () {
        for (const { id, locale } of all) {
          const { text } = yield* email(id, { ...everything, locale })
          const opens = /(?:billet|ticket)/i
          const button = text.split("\n").find((line) => line.endsWith(everything.ticket_url))
          if (button !== undefined) {
            assert.match(button.replace(everything.ticket_url, ""), opens, `${id} ${locale}`)
          }
        }
      }))
  })
})
