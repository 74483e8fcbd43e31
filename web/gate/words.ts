/** What the scanner says of itself; what it says of a ticket is the server's own sentence. */
import { type Locale, locale } from "../device/locale.ts"

const fr = {
  title: "Contrôle des billets",
  entry: "Entrée",
  exit: "Sortie",
  torch: "Lampe",
  type: "Taper un code",
  check: "Vérifier",
  undo: "Annuler ce passage",
  undone: "Passage annulé : scannez à nouveau.",
  notUndone: "Ce passage n'a pas pu être annulé.",
  next: "Suivant",
  ready: "Présentez le QR code du billet.",
  asking: "Un instant…",
  oneAtATime: "Un billet à la fois : un seul QR code devant l'appareil.",
  offline: "Hors ligne",
  online: "En ligne",
  waiting: (count: number) => count === 1 ? "1 passage à envoyer" : `${count} passages à envoyer`,
  elsewhere: (count: number) =>
    count === 1
      ? "1 passage d'un autre événement est gardé : ouvrez un lien de cet événement pour l'envoyer."
      : `${count} passages d'un autre événement sont gardés : ouvrez un lien de cet événement pour les envoyer.`,
  decidedAlone: "Décidé sans réseau",
  noBundle:
    "Sans réseau, et cet appareil n'a pas encore la liste des billets : retrouvez du réseau une fois.",
  conflicts: (count: number) => count === 1 ? "1 conflit" : `${count} conflits`,
  conflictsTitle: "Ce que le serveur a vu autrement",
  inside: "à l'intérieur",
  entered: (gate: string) => `entrées, porte ${gate}`,
  refusedHere: "refus",
  gate: "Porte",
  event: "Événement",
  setup: "Ouvrir cet accès",
  setupText: "Scannez le QR code que l'organisateur vous a remis, ou collez le lien reçu.",
  link: "Lien d'accès",
  open: "Ouvrir",
  badLink: "Ce lien n'ouvre rien : demandez-en un à l'organisateur.",
  ended:
    "Cet accès n'est plus valable. Demandez un nouveau lien à l'organisateur : les passages déjà faits sont gardés ici.",
  noCamera: "Pas d'appareil photo : utilisez un lecteur ou tapez le code.",
  cameraRefused: "L'appareil photo est refusé : autorisez-le dans le navigateur, ou tapez le code.",
  leave: "Quitter cet accès",
  old: "Ce navigateur est trop ancien pour contrôler des billets : mettez-le à jour.",
  notSent: (detail: string) => `Le serveur a refusé ce passage : ${detail}`
}

const en: typeof fr = {
  title: "Ticket check",
  entry: "Entry",
  exit: "Exit",
  torch: "Torch",
  type: "Type a code",
  check: "Check",
  undo: "Undo this passage",
  undone: "Passage undone: scan again.",
  notUndone: "This passage could not be undone.",
  next: "Next",
  ready: "Show the ticket's QR code.",
  asking: "One moment…",
  oneAtATime: "One ticket at a time: a single QR code before the camera.",
  offline: "Offline",
  online: "Online",
  waiting: (count) => count === 1 ? "1 passage to send" : `${count} passages to send`,
  elsewhere: (count) =>
    count === 1
      ? "1 passage of another event is kept: open a link of that event to send it."
      : `${count} passages of another event are kept: open a link of that event to send them.`,
  decidedAlone: "Decided without a network",
  noBundle: "No network, and this device does not have the list of tickets yet: find a network once.",
  conflicts: (count) => count === 1 ? "1 conflict" : `${count} conflicts`,
  conflictsTitle: "What the server saw otherwise",
  inside: "inside",
  entered: (gate) => `entries, gate ${gate}`,
  refusedHere: "refusals",
  gate: "Gate",
  event: "Event",
  setup: "Open this access",
  setupText: "Scan the QR code that the organiser gave you, or paste the link.",
  link: "Access link",
  open: "Open",
  badLink: "This link opens nothing: ask the organiser for one.",
  ended:
    "This access is no longer valid. Ask the organiser for a new link: passages already made are kept here.",
  noCamera: "No camera: use a reader or type the code.",
  cameraRefused: "The camera is refused: allow it in the browser, or type the code.",
  leave: "Leave this access",
  old: "This browser is too old to check tickets: update it.",
  notSent: (detail) => `The server refused this passage: ${detail}`
}

/** The scanner's words in the reader's language. */
export const words = ({ fr, en } satisfies Record<Locale, typeof fr>)[locale]
