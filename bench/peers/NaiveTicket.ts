/**
 * The ticket as a good engineer writes it in an afternoon: `qrcode`'s PNG of 300 pixels embedded in a page of pdf-lib,
 * or of its fork; with the fonts that every viewer has, or with TrueType fonts embedded as subsets.
 */
import cantooFontkit from "@cantoo/fontkit"
import * as Cantoo from "@cantoo/pdf-lib"
import pdfLibFontkit from "@pdf-lib/fontkit"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as PdfLib from "pdf-lib"
import QrCode from "qrcode"
import type { BenchTicket } from "../support/BenchTickets.ts"

/** The fork keeps the API of pdf-lib; only its types are others. */
const libraries = {
  "pdf-lib": { ...PdfLib, fontkit: pdfLibFontkit },
  "@cantoo/pdf-lib": { ...Cantoo, fontkit: cantooFontkit } as unknown as typeof PdfLib & {
    readonly fontkit: typeof pdfLibFontkit
  }
} as const

/** Which PDF library. */
export type Library = keyof typeof libraries

/** `standard` writes Western European names alone. */
export type FontChoice = "standard" | "embedded"

const require = createRequire(import.meta.url)
const fontFile = (file: string) => Fs.readFileSync(require.resolve(`@expo-google-fonts/noto-sans/${file}`))
const trueType = {
  regular: fontFile("400Regular/NotoSans_400Regular.ttf"),
  bold: fontFile("700Bold/NotoSans_700Bold.ttf")
}

const whenIn = new Map<string, Intl.DateTimeFormat>()
const when = ({ startsAt, timezone }: BenchTicket): string => {
  const format = whenIn.get(timezone) ??
    new Intl.DateTimeFormat("fr-FR", { dateStyle: "full", timeStyle: "short", timeZone: timezone })
  whenIn.set(timezone, format)
  return format.format(startsAt)
}

const advice = [
  "Présentez ce code à l'entrée, imprimé sur papier ou affiché sur un écran.",
  "Gardez-le pour vous : le premier qui le présente entre.",
  "Si le lecteur ne lit pas le code, donnez les lettres et les chiffres écrits dessous."
]

/** A PNG of 300 pixels. */
export const naiveQr = (ticket: BenchTicket): Promise<Uint8Array> =>
  QrCode.toBuffer(ticket.qrData, { width: 300, errorCorrectionLevel: "M" })

/** A PDF of one page with that PNG. */
export const naivePdf = async (
  library: Library,
  fonts: FontChoice,
  ticket: BenchTicket,
  qr: Uint8Array
): Promise<Uint8Array> => {
  const { fontkit, PDFDocument, rgb, StandardFonts } = libraries[library]
  const pdf = await PDFDocument.create()
  pdf.setTitle(`Billet · ${ticket.title}`)
  pdf.setLanguage("fr")
  if (fonts === "embedded") pdf.registerFontkit(fontkit)
  const font = (standard: PdfLib.StandardFonts, bytes: Uint8Array) =>
    fonts === "standard" ? pdf.embedFont(standard) : pdf.embedFont(bytes, { subset: true })
  const regular = await font(StandardFonts.Helvetica, trueType.regular)
  const bold = await font(StandardFonts.HelveticaBold, trueType.bold)
  const image = await pdf.embedPng(qr)

  const page = pdf.addPage([595.28, 841.89])
  page.drawRectangle({ x: 42, y: 642, width: 511, height: 158, color: rgb(0.23, 0.16, 0.85) })
  page.drawText("BILLET", { x: 68, y: 766, size: 9, font: bold, color: rgb(1, 1, 1) })
  page.drawText(ticket.title, { x: 68, y: 696, size: 30, font: bold, color: rgb(1, 1, 1) })
  page.drawText(when(ticket), { x: 68, y: 666, size: 12.5, font: regular, color: rgb(1, 1, 1) })
  page.drawImage(image, { x: 341, y: 430, width: 186, height: 186 })
  page.drawText(ticket.code, { x: 346, y: 410, size: 11, font: bold })
  const fields = [["INVITÉ", ticket.guestName], ["LIEU", ticket.location], ["CATÉGORIE", ticket.ticketType]]
  fields.forEach(([label = "", value = ""], at) => {
    page.drawText(label, { x: 68, y: 600 - at * 50, size: 7.5, font: bold, color: rgb(0.4, 0.44, 0.5) })
    page.drawText(value, { x: 68, y: 580 - at * 50, size: 14, font: bold })
  })
  page.drawText("Avant de venir", { x: 68, y: 290, size: 11, font: bold })
  advice.forEach((line, at) =>
    page.drawText(`• ${line}`, { x: 68, y: 268 - at * 20, size: 9.5, font: regular })
  )
  return await pdf.save()
}
