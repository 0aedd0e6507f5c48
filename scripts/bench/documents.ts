/** Atom documents of about 1 kB an entry, each entry a message of its own. */
export const MESSAGING = 'http://oh.invalid/messaging/demo/service';

const FILLER = 'Invented summary of an invented message. '.repeat(11);
const PATIENTS = 1000;
const ID_DIGITS = 10;
const PATIENT_DIGITS = 7;
let made = 3_000_000_000;

export interface FeedDocument {
  bytes: Buffer<ArrayBuffer>;
  /** Where the numbers of each entry are in the bytes. */
  places: EntryPlaces[];
}

interface EntryPlaces {
  atomId: number;
  patient: number;
  message: number;
}

/** A feed with `entries` new entries at the OH of this URL, spread over 1,000 invented patients. */
export function feedDocument(entries: number, messaging: string = MESSAGING): FeedDocument {
  const start = `<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>urn:example:oh:messages</id><title>New patient messages</title><updated>2025-10-08T14:15:47Z</updated>`;
  const places: EntryPlaces[] = [];
  let text = start;
  for (let entry = 0; entry < entries; entry += 1) {
    const atomId = `${text}<entry><id>urn:example:oh:message:`;
    const patient = `${atomId}0000000000:-6:0:0</id><title>Lab follow-up</title><published>2025-10-08T14:15:40Z</published><updated>2025-10-08T14:15:40Z</updated><summary>${FILLER}</summary><link rel="alternate" type="application/json" href="${messaging}/demo/patients/`;
    const message = `${patient}0000000/inbox/messages/`;
    text = `${message}0000000000%3A-6%3A0%3A0"/></entry>`;
    places.push({ atomId: atomId.length, patient: patient.length, message: message.length });
  }
  const bytes = Buffer.from(`${text}</feed>`);
  numberEntries(bytes, places);
  return { bytes, places };
}

/** Makes the entries new ones; the document starts at `offset` of `bytes`. */
export function numberEntries(bytes: Buffer, places: EntryPlaces[], offset = 0): void {
  for (const { atomId, patient, message } of places) {
    made += 1;
    writeDigits(bytes, offset + atomId, made, ID_DIGITS);
    writeDigits(bytes, offset + message, made, ID_DIGITS);
    writeDigits(bytes, offset + patient, 1_000_000 + (made % PATIENTS), PATIENT_DIGITS);
  }
}

function writeDigits(bytes: Buffer, at: number, number: number, digits: number): void {
  let rest = number;
  for (let place = at + digits - 1; place >= at; place -= 1) {
    bytes[place] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
