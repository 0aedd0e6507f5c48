/** Subjects, in both directions. A subject is one line of plain text, never markup. */
import iconv from 'iconv-lite';
import type { Undelivered } from '../message.ts';
import { codePoints, rejection } from './rejection.ts';

const MAX_CODE_POINTS = 255;
const NO_SUBJECT = 'No subject';
/** OH stores text in one of these, whatever charset is sent. */
const OH_STORES = ['windows-1252', 'windows-1256'];

/**
 * The subject for MHV, 1 to 255 code points: white space and controls become single spaces, a blank
 * subject becomes "No subject", and what is over 255 code points is cut so that an ellipsis is the
 * 255th.
 */
export function mhvSubject(subject: string): string {
  const line = subject
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  if (line === '') return NO_SUBJECT;
  const characters = Array.from(line);
  if (characters.length <= MAX_CODE_POINTS) return line;
  return `${characters.slice(0, MAX_CODE_POINTS - 1).join('')}…`;
}

/**
 * The subject for OH: composed (NFC), tabs and line breaks turned into spaces, trimmed. Refused are
 * a blank one (`translate:empty-subject`), one over 255 characters (`translate:subject-too-long`)
 * and one with characters that OH's storage may lose (`translate:subject-characters`): whether OH
 * stores Windows-1252 or Windows-1256 is unknown, so only what both hold is sure to survive. That
 * lets through ASCII, typographic quotes and dashes, the euro sign and French accents, but not, for
 * instance, Spanish or German letters, which only Windows-1252 has.
 */
export function ohSubject(subject: string): string | Undelivered {
  const line = subject
    .normalize('NFC')
    .replace(/\r\n|[\t\r\n]/g, ' ')
    .trim();
  if (line === '') return rejection('empty-subject', 'The subject is blank.');
  const characters = Array.from(line);
  if (characters.length > MAX_CODE_POINTS) {
    const reason = `The subject is longer than ${MAX_CODE_POINTS} characters.`;
    return rejection('subject-too-long', reason);
  }
  const lost = characters.filter((character) => !survivesStorage(character));
  if (lost.length === 0) return line;
  const reason = `OH can't be trusted to store these characters of a subject: ${codePoints(lost)}.`;
  return rejection('subject-characters', reason);
}

/** Whether OH keeps the character in text that is not markup: subjects and file names. */
export function survivesStorage(character: string): boolean {
  return /^[ -~]$/.test(character) || sharedCharacters.has(character);
}

/** Characters over U+007F that every possible store can hold, at whatever position. */
const sharedCharacters = charactersOfAll(OH_STORES);

function charactersOfAll(encodings: string[]): Set<string> {
  const upperHalf = Buffer.from(Array.from({ length: 128 }, (_, index) => 128 + index));
  return encodings
    .map((encoding) => new Set(iconv.decode(upperHalf, encoding).replaceAll('\ufffd', '')))
    .reduce((shared, characters) => shared.intersection(characters));
}
