/**
 * How a link reads in plain text: the label, then the address in brackets where it says more. Gives
 * what to write after the label: nothing when the label is the address already, or when the address
 * leads nowhere outside the document (fragments, `cid:`, `javascript:`, relative paths).
 */
export function linkSuffix(label: string, url: string): string {
  const address = url.trim();
  if (!/^(?:https?|ftp|mailto|tel):/i.test(address)) return '';
  const shown = address.replace(/^(?:mailto|tel):/i, '');
  if (label.trim() === '') return shown;
  return comparable(label) === comparable(shown) ? '' : ` (${shown})`;
}

/** Labels longer than this are sentences, not addresses, and need not be compared. */
export const MAX_LABEL_CHARS = 2048;

/**
 * The address in an RTF field instruction `HYPERLINK [switches] "address"`; undefined for other
 * fields and for links inside the document. The caller bounds the instruction.
 */
export function hyperlinkAddress(instruction: string): string | undefined {
  const [name, ...rest] = instruction.match(/"[^"]*"|[^\s"]+/g) ?? [];
  if (name?.toUpperCase() !== 'HYPERLINK') return undefined;
  while (rest.length > 0) {
    const part = rest.shift() ?? '';
    if (!part.startsWith('\\')) return part.replaceAll('"', '');
    if (/^\\[lot]$/i.test(part)) rest.shift();
  }
  return undefined;
}

function comparable(address: string): string {
  return address
    .trim()
    .toLowerCase()
    .replace(/^(?:https?|ftp):\/\//, '')
    .replace(/\/$/, '');
}
