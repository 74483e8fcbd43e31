/** The numbers that name a company: a French SIREN with its check digit, and VAT numbers in the forms that VIES knows. */
import { Schema, SchemaGetter } from "effect"

const digitSum = (digit: number): number => digit > 9 ? digit - 9 : digit

/** The check of ISO/IEC 7812-1 (Luhn), from the right. */
const isLuhn = (digits: string): boolean =>
  [...digits].toReversed().reduce(
        (sum, digit, at) => sum + digitSum(Number(digit) * (at % 2 === 0 ? 1 : 2)),
        0
      ) %
      10 === 0

/** People write these numbers in groups. */
const ungrouped = <S extends Schema.Codec<string, string>>(number: S) =>
  Schema.String.pipe(Schema.decodeTo(number, {
    decode: SchemaGetter.transform((text: string) => text.replace(/\s/g, "")),
    encode: SchemaGetter.transform((text: string) => text)
  }))

/** Nine digits, the last of which checks the others (INSEE). */
export const Siren = ungrouped(Schema.String.check(
  Schema.makeFilter((text: string) =>
    /^\d{9}$/.test(text) && isLuhn(text) || "Expected a SIREN: nine digits whose check digit is right"
  )
))

/** https://ec.europa.eu/taxation_customs/vies, "VAT number structure": what follows the country's letters. */
const forms: Readonly<Record<string, string>> = {
  AT: "U\\d{8}",
  BE: "[01]\\d{9}",
  BG: "\\d{9,10}",
  CY: "\\d{8}[A-Z]",
  CZ: "\\d{8,10}",
  DE: "\\d{9}",
  DK: "\\d{8}",
  EE: "\\d{9}",
  EL: "\\d{9}",
  ES: "[A-Z0-9]\\d{7}[A-Z0-9]",
  FI: "\\d{8}",
  FR: "[A-HJ-NP-Z0-9]{2}\\d{9}",
  HR: "\\d{11}",
  HU: "\\d{8}",
  IE: "(\\d{7}[A-Z]{1,2}|\\d[A-Z+*]\\d{5}[A-Z])",
  IT: "\\d{11}",
  LT: "(\\d{9}|\\d{12})",
  LU: "\\d{8}",
  LV: "\\d{11}",
  MT: "\\d{8}",
  NL: "[A-Z0-9+*]{12}",
  PL: "\\d{10}",
  PT: "\\d{9}",
  RO: "\\d{2,10}",
  SE: "\\d{12}",
  SI: "\\d{8}",
  SK: "\\d{10}",
  CH: "E\\d{9}(MWST|TVA|IVA)?",
  GB: "(\\d{9}|\\d{12}|(GD|HA)\\d{3})",
  XI: "(\\d{9}|\\d{12}|(GD|HA)\\d{3})"
}

const isVat = (text: string): boolean => {
  const form = forms[text.slice(0, 2)]
  return form !== undefined && new RegExp(`^${form}$`).test(text.slice(2))
}

/** A VAT number of a member state, of the United Kingdom or of Switzerland. */
export const VatNumber = ungrouped(Schema.String.check(
  Schema.makeFilter((text: string) =>
    isVat(text) || "Expected a VAT number as VIES writes it, such as FR12345678901"
  )
))
