/** The board's words. */
import { type Locale, locale } from "../device/locale.ts"

const fr = {
  title: "Portes en direct",
  inside: "à l'intérieur",
  entered: "entrées",
  exited: "sorties",
  refused: "refus",
  perMinute: "entrées par minute",
  lastMinutes: (count: number) => `Entrées par minute, ${count} dernières minutes`,
  gates: "Par porte",
  gate: "Porte",
  why: "Refus, par raison",
  feed: "Derniers passages",
  devices: "Appareils",
  device: "Appareil",
  heard: "Entendu",
  signals: "signalés",
  entry: "entrée",
  exit: "sortie",
  setup: "Ouvrir le tableau",
  setupText: "Collez le lien reçu : il porte l'événement et votre accès.",
  link: "Lien d'accès",
  open: "Ouvrir",
  badLink: "Ce lien n'ouvre rien.",
  ended: "Cet accès n'est plus valable.",
  refusedPage: "Le serveur a répondu :",
  live: "En direct",
  away: "Sans nouvelles du serveur",
  none: "Rien encore.",
  annulled: "annulé",
  status: { draft: "brouillon", active: "ouvert", canceled: "annulé", completed: "terminé" } as Readonly<
    Record<string, string>
  >
}

const en: typeof fr = {
  title: "Live gates",
  inside: "inside",
  entered: "entries",
  exited: "exits",
  refused: "refusals",
  perMinute: "entries a minute",
  lastMinutes: (count) => `Entries a minute, last ${count} minutes`,
  gates: "By gate",
  gate: "Gate",
  why: "Refusals by reason",
  feed: "Latest passages",
  devices: "Devices",
  device: "Device",
  heard: "Heard",
  signals: "flagged",
  entry: "entry",
  exit: "exit",
  setup: "Open the board",
  setupText: "Paste the link that you were given: it names the event and opens it.",
  link: "Access link",
  open: "Open",
  badLink: "This link opens nothing.",
  ended: "This access is no longer valid.",
  refusedPage: "The server answered:",
  live: "Live",
  away: "No news from the server",
  none: "Nothing yet.",
  annulled: "annulled",
  status: { draft: "draft", active: "open", canceled: "cancelled", completed: "over" }
}

export const words = ({ fr, en } satisfies Record<Locale, typeof fr>)[locale]
