/** Plain text -> the XHTML document that OH stores. */
import type { Undelivered } from '../message.ts';
import { codePoints, rejection } from './rejection.ts';

const HEAD =
  '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Secure message</title></head><body><p>';
const FOOT = '</p></body></html>';
const TAB_WIDTH = 4;
const NO_BREAK_SPACE = '\u00a0';

/**
 * Writes plain text as an XHTML document in pure ASCII: OH may store text as Windows-1252, so every
 * other character is a decimal reference.
 *
 * Kept: every character, single line breaks (`<br />`), blank lines (a new `<p>`, each further one a
 * `<br />` at its start), runs of spaces and indents (no-break spaces, `&#160;`). Changed: CR LF, CR,
 * vertical tab and form feed count as line breaks, a tab as four no-break spaces; blank lines at the
 * very start and all white space at the very end go. A character that XML 1.0 §2.2 forbids is never
 * dropped in silence: `translate:body-characters`.
 */
export function xhtmlDocument(text: string): string | Undelivered {
  const lined = text.replace(/\r\n?|\v|\f/g, '\n').trimEnd();
  const forbidden = lined.match(XML_FORBIDDEN);
  if (forbidden !== null) {
    const reason = `The text holds characters that XML forbids: ${codePoints(forbidden)}.`;
    return rejection('body-characters', reason);
  }
  const body = withoutLeadingBlankLines(lined).split('\n').map(spaced).join('\n');
  return HEAD + marked(escaped(body)) + FOOT;
}

/** Controls but tab and line feed, lone surrogates, U+FFFE and U+FFFF; C1 controls are allowed. */
const XML_FORBIDDEN = /(?![\t\n\u007f-\u009f])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu;

function withoutLeadingBlankLines(text: string): string {
  const indent = text.length - text.trimStart().length;
  return text.slice(text.lastIndexOf('\n', Math.max(0, indent - 1)) + 1);
}

/** XHTML readers join runs of spaces and drop them at the ends of a line; no-break spaces stay. */
function spaced(line: string): string {
  const untabbed = line.replaceAll('\t', NO_BREAK_SPACE.repeat(TAB_WIDTH));
  return untabbed.replace(/ {2,}|^ | $/g, (run, offset: number) => {
    const atEnd = offset === 0 || offset + run.length === untabbed.length;
    return atEnd ? NO_BREAK_SPACE.repeat(run.length) : ` ${NO_BREAK_SPACE.repeat(run.length - 1)}`;
  });
}

function escaped(text: string): string {
  return text.replace(/[&<>"']|[^\n -~]/gu, (character) => `&#${character.codePointAt(0)};`);
}

function marked(text: string): string {
  return text.replace(/\n\n(\n*)|\n/g, (_match, further?: string) =>
    further === undefined ? '<br />' : `</p><p>${'<br />'.repeat(further.length)}`,
  );
}
