/** Payments that the core is about to ask for. */
import type { NewPayment } from "../../src/store/payments/PaymentStore.ts"

/** 99.99 EUR that an organiser asks of Stripe, with an invoice and a receipt, for no flow and no event. */
export const asked = (paymentId: string, overrides: Partial<NewPayment> = {}): NewPayment => ({
  paymentId,
  flowId: null,
  executionId: null,
  eventId: null,
  userId: null,
  owner: "organizer-1",
  amount: 9999,
  currency: "EUR",
  gateway: "stripe",
  customer: null,
  metadata: null,
  createInvoice: true,
  sendReceipt: true,
  ...overrides
})
