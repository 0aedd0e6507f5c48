/**
 * The references that a document without DTD can hold (XML 1.0 §4.1, §4.6): five entities and
 * character numbers. None makes the text longer, so there is nothing to explode.
 */

/** One whole reference at `lastIndex`; ten digits are enough for every character there is. */
export const REFERENCE_AT = /&(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#x[0-9A-Fa-f]{1,8});/y;

const REFERENCES = /&(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#x[0-9A-Fa-f]{1,8});/g;

/** Replaces every reference by its character, once; the scan has found all of them sound. */
export function decodeReferences(text: string): string {
  return text.includes('&') ? text.replace(REFERENCES, characterOf) : text;
}

/** Whether a reference such as `&#x1F;` names a character that XML 1.0 §2.2 allows. */
export function namesLegalCharacter(reference: string): boolean {
  if (reference.charCodeAt(1) !== NUMBER_SIGN) return true;
  const code = codePointOf(reference);
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return (
    code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code > 0xffff && code <= 0x10ffff)
  );
}

const NUMBER_SIGN = 0x23;
const LOWER_X = 0x78;

function characterOf(reference: string): string {
  switch (reference) {
    case '&amp;':
      return '&';
    case '&lt;':
      return '<';
    case '&gt;':
      return '>';
    case '&quot;':
      return '"';
    case '&apos;':
      return "'";
    default:
      return String.fromCodePoint(codePointOf(reference));
  }
}

function codePointOf(reference: string): number {
  return reference.charCodeAt(2) === LOWER_X
    ? Number.parseInt(reference.slice(3, -1), 16)
    : Number.parseInt(reference.slice(2, -1), 10);
}
