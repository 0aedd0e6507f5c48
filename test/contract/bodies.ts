/** Bodies as values that a JSON schema can judge, whatever they were written in. */
import { XMLParser } from 'fast-xml-parser';
import type { Content, MediaType } from './document.ts';

/** What is wrong with a body before any schema sees it. */
export class BodyFault extends Error {}

const MAX_INT64 = 9_223_372_036_854_775_807n;
const xml = new XMLParser({ ignoreAttributes: true, processEntities: false });

/** The media type of a Content-Type, in lower case and without parameters. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** The charset of a Content-Type, or undefined. */
export function charsetOf(contentType: string): string | undefined {
  return /charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1];
}

/** The value to judge. Throws BodyFault when the bytes are not what their Content-Type says. */
export function valueOf(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
  content: Content,
): unknown {
  const mediaType = mediaTypeOf(contentType);
  const described = content[mediaType];
  if (described === undefined) throw new BodyFault(`media type ${mediaType} is not documented`);
  switch (mediaType) {
    case 'application/json':
    case 'application/problem+json':
      return jsonOf(decode(bytes, contentType));
    case 'application/xml':
      return xmlOf(decode(bytes, contentType));
    case 'multipart/form-data':
      return formOf(bytes, contentType, described);
    default:
      return '';
  }
}

/** An integer as a number when int64 holds it, else as text: that breaks every schema for integers. */
export function integerOf(digits: string): number | string {
  const value = BigInt(digits);
  return value <= MAX_INT64 && value >= -MAX_INT64 - 1n ? Number(value) : digits;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value, { source }) =>
      typeof value === 'number' && /^-?\d+$/.test(source ?? '') ? integerOf(source ?? '') : value,
    );
  } catch {
    throw new BodyFault('is not JSON');
  }
}

/** A root element without attributes, its children by name; text that is all digits is a number. */
function xmlOf(text: string): unknown {
  let document: unknown;
  try {
    document = xml.parse(text, true);
  } catch {
    throw new BodyFault('is not XML');
  }
  const [root] = Object.values(Object(document));
  return root;
}

interface Part {
  name: string;
  type: string;
  text: string;
}

/** Parts by name: a single JSON part is its value, any other name a list of files. */
function formOf(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
  { encoding = {} }: MediaType,
): Record<string, unknown> {
  const parts = partsOf(bytes, contentType);
  const value: Record<string, unknown> = {};
  for (const name of new Set(parts.map((part) => part.name))) {
    const own = parts.filter((part) => part.name === name);
    const allowed = encoding[name]?.contentType ?? '*/*';
    for (const part of own) checkPart(part, allowed);
    if (allowed !== 'application/json') value[name] = own.map(() => '');
    else if (own.length > 1) throw new BodyFault(`has several parts ${name}`);
    else value[name] = jsonOf(own[0]?.text ?? '');
  }
  return value;
}

/** Parts of a form (RFC 7578), read here because Bun's reader takes a part's type from its file name. */
function partsOf(bytes: Uint8Array<ArrayBuffer>, contentType: string): Part[] {
  const boundary = /boundary="?([^";]+)/i.exec(contentType)?.[1] ?? '';
  const [, ...pieces] = `\r\n${Buffer.from(bytes).toString('latin1')}`.split(`\r\n--${boundary}`);
  if (boundary === '' || pieces.pop()?.trim() !== '--') throw new BodyFault('is not a form');
  return pieces.map((piece) => {
    const end = piece.indexOf('\r\n\r\n');
    const head = piece.slice(0, end);
    const name = /^content-disposition:\s*form-data;\s*name="([^"]*)"/im.exec(head)?.[1];
    if (name === undefined) throw new BodyFault('has a part without a name');
    const type = /^content-type:\s*(.*)$/im.exec(head)?.[1] ?? 'text/plain';
    const text = Buffer.from(piece.slice(end + 4), 'latin1').toString('utf8');
    return { name, type: mediaTypeOf(type), text };
  });
}

function checkPart({ name, type }: Part, allowed: string): void {
  const fits = allowed
    .split(',')
    .map((item) =>
      item
        .trim()
        .replace(/\*$/, '')
        .replace(/^\*\/$/, ''),
    )
    .some((start) =>
      start.endsWith('/') || start === '' ? type.startsWith(start) : type === start,
    );
  if (!fits) throw new BodyFault(`part ${name} is ${type}, not ${allowed}`);
}

function decode(bytes: Uint8Array<ArrayBuffer>, contentType: string): string {
  try {
    const charset = (charsetOf(contentType) ?? 'utf-8') as Bun.Encoding;
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    throw new BodyFault('is not in its charset');
  }
}
