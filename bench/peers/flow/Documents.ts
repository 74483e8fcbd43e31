/** Tickets and invoices as `qrcode` and pdf-lib draw them, with the fonts that every viewer has. */
import { PDFDocument, rgb, StandardFonts } from "pdf-lib"
import QrCode from "qrcode"
import type { FlowRequest, Guest } from "./FlowRequest.ts"

type Event = FlowRequest["event_data"]

const grey = rgb(0.4, 0.44, 0.5)
const white = rgb(1, 1, 1)

const when = new Intl.DateTimeFormat("fr-FR", {
  dateStyle: "full",
  timeStyle: "short",
  timeZone: "Europe/Paris"
})

/** The date as a person reads it. */
export const dateOf = (event: Event): string => when.format(new Date(event.date))

/** 9999 EUR is `99,99 €`. */
export const priceOf = (
  { amount, currency }: FlowRequest["payment_config"]
): string =>
  new Intl.NumberFormat("fr-FR", { style: "currency", currency }).format(
    amount / 100
  )

/** Helvetica has no narrow space. */
const latin = (text: string): string => text.replaceAll("\u202f", " ")

/** A PNG of 300 pixels. */
export const drawQr = (code: string): Promise<Uint8Array> =>
  QrCode.toBuffer(code, { width: 300, errorCorrectionLevel: "M" })

const open = async (title: string) => {
  const pdf = await PDFDocument.create()
  pdf.setTitle(title)
  pdf.setLanguage("fr")
  const regular = await pdf.embedFont(StandardFonts.Helvetica)
  const bold = await pdf.embedFont(StandardFonts.HelveticaBold)
  return { pdf, page: pdf.addPage([595.28, 841.89]), regular, bold }
}

/** A ticket of one page. */
export const drawTicket = async (
  event: Event,
  guest: Guest,
  code: string,
  qr: Uint8Array
): Promise<Uint8Array> => {
  const { bold, page, pdf, regular } = await open(`Billet · ${event.title}`)
  page.drawRectangle({
    x: 42,
    y: 642,
    width: 511,
    height: 158,
    color: rgb(0.23, 0.16, 0.85)
  })
  page.drawText("BILLET", { x: 68, y: 766, size: 9, font: bold, color: white })
  page.drawText(event.title, {
    x: 68,
    y: 696,
    size: 30,
    font: bold,
    color: white
  })
  page.drawText(latin(dateOf(event)), {
    x: 68,
    y: 666,
    size: 12.5,
    font: regular,
    color: white
  })
  page.drawImage(await pdf.embedPng(qr), {
    x: 341,
    y: 430,
    width: 186,
    height: 186
  })
  page.drawText(code, { x: 346, y: 410, size: 11, font: bold })
  const fields = [["INVITÉ", guest.name], ["LIEU", event.location], [
    "CATÉGORIE",
    guest.ticket_type
  ]]
  fields.forEach(([label = "", value = ""], at) => {
    page.drawText(label, {
      x: 68,
      y: 600 - at * 50,
      size: 7.5,
      font: bold,
      color: grey
    })
    page.drawText(value, { x: 68, y: 580 - at * 50, size: 14, font: bold })
  })
  page.drawText("Présentez ce code à l'entrée, imprimé ou sur un écran.", {
    x: 68,
    y: 290,
    size: 9.5,
    font: regular
  })
  return await pdf.save()
}

/** An invoice of one page. */
export const drawInvoice = async (
  number: string,
  { event_data: event, guests, payment_config: payment }: FlowRequest
): Promise<Uint8Array> => {
  const { bold, page, pdf, regular } = await open(`Facture ${number}`)
  page.drawText(`Facture n° ${number}`, {
    x: 56,
    y: 766,
    size: 22,
    font: bold
  })
  const price = latin(priceOf(payment))
  const lines = [
    ["Client", guests[0]?.name ?? ""],
    ["Objet", `${event.title}, ${guests.length} billets`],
    ["Date", latin(when.format(new Date()))],
    ["Total payé", price]
  ]
  lines.forEach(([label = "", value = ""], at) => {
    page.drawText(label, {
      x: 56,
      y: 710 - at * 24,
      size: 10,
      font: regular,
      color: grey
    })
    page.drawText(value, { x: 180, y: 710 - at * 24, size: 11, font: bold })
  })
  page.drawLine({
    start: { x: 56, y: 616 },
    end: { x: 539, y: 616 },
    thickness: 0.5,
    color: grey
  })
  return await pdf.save()
}
