/** Atom documents as the mocked Oracle Health publishes them. */
import { utcSecond } from './answer.ts';

/** One entry, all of it said; what is absent is left out of the document. */
export interface FeedEntry {
  id: string;
  title: string;
  updated: string;
  published?: string | undefined;
  ohPatientId?: string | undefined;
  /** Where the message lies in Messaging REST. */
  href?: string | undefined;
  /** `atom:id` of the message that this one answers. */
  inReplyTo?: string | undefined;
  summary?: string | undefined;
}

export interface FeedLinks {
  self: string;
  current?: string | undefined;
  prevArchive?: string | undefined;
}

const ID_START = 'urn:example:oh:message:';

/** The `atom:id` of a message. */
export function atomId(messageId: string): string {
  return ID_START + messageId;
}

/** A feed document (RFC 4287), with the history links of RFC 5005; an archive page when `archive`. */
export function feedDocument(
  entries: readonly FeedEntry[],
  links: FeedLinks,
  options: { updated: number; archive: boolean },
): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0"',
    ' xmlns:fh="http://purl.org/syndication/history/1.0" xmlns:oh="urn:example:oh-feed">',
    '<id>urn:example:oh:messages</id>',
    '<title>New patient messages</title>',
    `<updated>${utcSecond(options.updated)}</updated>`,
    '<author><name>Oracle Health Messaging</name></author>',
    options.archive ? '<fh:archive/>' : '',
    link('self', links.self),
    link('current', links.current),
    link('prev-archive', links.prevArchive),
    ...entries.map(entryElement),
    '</feed>\n',
  ].join('');
}

function entryElement(entry: FeedEntry): string {
  const { ohPatientId, href, inReplyTo, published, summary } = entry;
  return [
    '<entry>',
    `<id>${escapeXml(entry.id)}</id>`,
    `<title>${escapeXml(entry.title)}</title>`,
    published === undefined ? '' : `<published>${escapeXml(published)}</published>`,
    `<updated>${escapeXml(entry.updated)}</updated>`,
    summary === undefined ? '' : `<summary>${escapeXml(summary)}</summary>`,
    inReplyTo === undefined ? '' : `<thr:in-reply-to ref="${escapeXml(inReplyTo)}"/>`,
    ohPatientId === undefined ? '' : `<oh:patient id="${escapeXml(ohPatientId)}"/>`,
    href === undefined
      ? ''
      : `<link rel="alternate" type="application/json" href="${escapeXml(href)}"/>`,
    '</entry>',
  ].join('');
}

function link(relation: string, href: string | undefined): string {
  return href === undefined ? '' : `<link rel="${relation}" href="${escapeXml(href)}"/>`;
}

/** Escapes for text and attributes, and drops what XML 1.0 cannot hold (§2.2). */
function escapeXml(text: string): string {
  let escaped = '';
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    const allowed =
      point === 9 || point === 10 || point === 13 || (point >= 0x20 && !isUnpaired(point));
    if (!allowed) continue;
    escaped += special[character] ?? character;
  }
  return escaped;
}

const special: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function isUnpaired(point: number): boolean {
  return (point >= 0xd800 && point <= 0xdfff) || point === 0xfffe || point === 0xffff;
}
