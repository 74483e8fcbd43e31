/** Who is named on an invoice. */

/**
 * A company or a person on an invoice; `address` line by line, `legal` as «SAS au capital de 10 000 €, RCS
 * Paris».
 */
export interface InvoiceParty {
  readonly name: string
  readonly address?: ReadonlyArray<string> | undefined
  readonly email?: string | undefined
  readonly siren?: string | undefined
  readonly vat?: string | undefined
  readonly legal?: string | undefined
}
