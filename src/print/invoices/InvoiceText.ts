/**
 * The words of an invoice and the mentions that French law asks for (CGI annexe II art. 242 nonies A, C. com.
 * L441-9).
 */

/** Languages that invoices are written in. */
export type InvoiceLanguage = "fr" | "en"

const fr = {
  invoice: "Facture",
  creditNote: "Avoir",
  correctiveInvoice: "Facture rectificative",
  number: "Numéro",
  issued: "Date d’émission",
  supplied: "Date de la prestation",
  corrects: (number: string, date: string) => `Annule en tout ou partie la facture ${number} du ${date}`,
  reverses: (notes: ReadonlyArray<string>) => `Annule en tout ou partie l’avoir ${notes.join(", ")}`,
  numbered: (number: string, date: string) => `${number} du ${date}`,
  customer: "Facturé à",
  siren: "SIREN",
  vatNumber: "N° TVA",
  label: "Désignation",
  quantity: "Qté",
  unitNet: "PU HT",
  rate: "TVA",
  net: "Montant HT",
  gross: "Montant TTC",
  base: "Base HT",
  vat: "Montant TVA",
  totalNet: "Total HT",
  totalVat: "Total TVA",
  totalGross: "Total TTC",
  paid: (date: string, method: string | undefined) =>
    `Réglée le ${date}${method === undefined ? "" : ` · ${method}`}`,
  due: (date: string) => `À régler au plus tard le ${date}`,
  services: "Nature de l’opération : prestation de services.",
  exempt: "TVA non applicable, article 293 B du code général des impôts.",
  professional:
    "Pas d’escompte pour paiement anticipé. Tout retard de paiement entraîne des pénalités de trois fois le " +
    "taux d’intérêt légal et une indemnité forfaitaire de 40 € pour frais de recouvrement.",
  page: (page: number, pages: number) => `Page ${page} sur ${pages}`
}

/** The fixed words of an invoice. */
export type InvoiceWords = typeof fr

const en: InvoiceWords = {
  invoice: "Invoice",
  creditNote: "Credit note",
  correctiveInvoice: "Corrective invoice",
  number: "Number",
  issued: "Date of issue",
  supplied: "Date of supply",
  corrects: (number, date) => `Cancels all or part of invoice ${number} of ${date}`,
  reverses: (notes) => `Cancels all or part of credit note ${notes.join(", ")}`,
  numbered: (number, date) => `${number} of ${date}`,
  customer: "Billed to",
  siren: "SIREN",
  vatNumber: "VAT no.",
  label: "Description",
  quantity: "Qty",
  unitNet: "Unit excl. VAT",
  rate: "VAT",
  net: "Net amount",
  gross: "Gross amount",
  base: "Net base",
  vat: "VAT amount",
  totalNet: "Total excl. VAT",
  totalVat: "Total VAT",
  totalGross: "Total incl. VAT",
  paid: (date, method) => `Paid on ${date}${method === undefined ? "" : ` · ${method}`}`,
  due: (date) => `Payable by ${date} at the latest`,
  services: "Nature of the operation: supply of services.",
  exempt: "VAT not applicable, article 293 B of the French tax code.",
  professional:
    "No discount for early payment. Late payment bears interest at three times the French legal rate and a " +
    "fixed compensation of €40 for recovery costs.",
  page: (page, pages) => `Page ${page} of ${pages}`
}

/** French for every locale that starts with `fr`, English for the others. */
export const invoiceLanguage = (locale: string): InvoiceLanguage => /^fr\b/i.test(locale) ? "fr" : "en"

/** The words of a language. */
export const invoiceWords = (language: InvoiceLanguage): InvoiceWords => language === "fr" ? fr : en

const makeFormats = (locale: string, timeZone: string) => {
  const regional = locale.includes("-") ? locale : invoiceLanguage(locale) === "fr" ? "fr-FR" : "en-GB"
  const date = new Intl.DateTimeFormat(regional, { timeZone, day: "numeric", month: "long", year: "numeric" })
  const percent = new Intl.NumberFormat(regional, { style: "percent", maximumFractionDigits: 2 })
  return {
    locale: regional,
    date: (at: Date): string => date.format(at),
    rate: (basisPoints: number): string => percent.format(basisPoints / 10_000)
  }
}

/** An installation has one locale and one zone, and its books those of its past. */
const remembered = 16

const made = new Map<string, ReturnType<typeof makeFormats>>()

/** `Intl` formats of invoices, which are slow to make; throws a `RangeError` on an unknown locale or zone. */
export const invoiceFormats = (locale: string, timeZone: string): ReturnType<typeof makeFormats> => {
  const key = `${locale} ${timeZone}`
  const formats = made.get(key) ?? makeFormats(locale, timeZone)
  if (made.size >= remembered) made.clear()
  made.set(key, formats)
  return formats
}
