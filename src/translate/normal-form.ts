/**
 * The one form in which plain text leaves this room: well-formed Unicode, `\n` line ends, no white
 * space at line ends, no blank lines before or after, no-break spaces as spaces, and none of the
 * characters that no reader sees (controls, soft hyphens, zero-width spaces, byte order marks).
 */
export function normalForm(text: string): string {
  const visible = text
    .toWellFormed()
    .replace(/\r\n?|[\v\f\u0085\u2028\u2029]/g, '\n')
    .replaceAll('\u00a0', ' ')
    .replace(/(?![\n\t])\p{Cc}|[\u00ad\u200b\ufeff\ufffe\uffff]/gu, '');
  const lines = visible.split('\n').map((line) => line.trimEnd());
  const first = lines.findIndex((line) => line !== '');
  const last = lines.findLastIndex((line) => line !== '');
  return lines.slice(Math.max(0, first), last + 1).join('\n');
}

/**
 * What to write before raised text so that it stays apart from the text it stands on: "10" raised
 * "9" reads as 10^9 and not as 109, while "1" raised "st" needs nothing.
 */
export function raisedMark(before: string, raised: string): string {
  return /[\p{L}\p{N})\]]$/u.test(before.slice(-2)) && /^[\d+\u2212-]/.test(raised) ? '^' : '';
}
