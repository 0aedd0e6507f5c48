/** Atom documents of about 1 kB an entry, each entry a message of its own. */
export const MESSAGING = 'http://oh.invalid/messaging/demo/service';

const FILLER = 'Invented summary of an invented message. '.repeat(8);
let made = 0;

/** A feed with `entries` new entries, spread over 1,000 invented patients. */
export function feedDocument(entries: number): string {
  const bodies = Array.from({ length: entries }, entryXml);
  return `<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>urn:example:oh:messages</id><title>New patient messages</title><updated>2025-10-08T14:15:47Z</updated>${bodies.join('')}</feed>`;
}

function entryXml(): string {
  made += 1;
  const id = `${3_000_000_000 + made}:-6:0:0`;
  const patient = 1_000_000 + (made % 1000);
  const href = `${MESSAGING}/demo/patients/${patient}/inbox/messages/${encodeURIComponent(id)}`;
  return `<entry><id>urn:example:oh:message:${id}</id><title>Lab follow-up</title><published>2025-10-08T14:15:40Z</published><updated>2025-10-08T14:15:40Z</updated><summary>${FILLER}</summary><link rel="alternate" type="application/json" href="${href}"/></entry>`;
}
