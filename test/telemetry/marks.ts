/** Looking for what may be nowhere, in every form in which it could have got there. */

/** What a mark looks like as bytes. */
function formsOf(mark: string): Record<string, Buffer> {
  const utf8 = Buffer.from(mark);
  const utf16 = Buffer.from(mark, 'utf16le');
  const escaped = [...utf8].map((byte) => byte.toString(16).padStart(2, '0'));
  return {
    plain: utf8,
    'percent-encoded': Buffer.from(encodeURIComponent(mark)),
    'percent-encoded whole': Buffer.from(escaped.map((hex) => `%${hex}`).join('')),
    'escaped in JSON': Buffer.from(JSON.stringify(mark).slice(1, -1)),
    'escaped whole': Buffer.from(escaped.map((hex) => `\\u00${hex}`).join('')),
    'numeric references': Buffer.from([...utf8].map((byte) => `&#${byte};`).join('')),
    hex: Buffer.from(escaped.join('')),
    'UTF-16LE': utf16,
    'UTF-16BE': Buffer.from(utf16).swap16(),
    ...Object.fromEntries([0, 1, 2].map((at) => [`base64 at ${at}`, inBase64(utf8, at)])),
  };
}

/** The characters of base64 that depend on the mark alone, when it begins `at` bytes after a multiple of three. */
function inBase64(mark: Buffer, at: number): Buffer {
  const whole = Buffer.concat([Buffer.alloc(at), mark])
    .toString('base64')
    .replaceAll('=', '');
  const end = Math.floor(((at + mark.byteLength) * 8) / 6);
  return Buffer.from(whole.slice(Math.ceil((at * 8) / 6), end));
}

/** Says which mark is where, and how it is written there. */
export function findMarks(marks: string[], told: Record<string, string | Buffer>): string[] {
  const places = Object.entries(told).map(([where, text]) => ({
    where,
    bytes: typeof text === 'string' ? Buffer.from(text) : text,
  }));
  return [...new Set(marks)].flatMap((mark) =>
    Object.entries(formsOf(mark)).flatMap(([form, wanted]) =>
      places
        .filter(({ bytes }) => bytes.includes(wanted))
        .map(({ where }) => `${mark} in the ${where}, ${form}`),
    ),
  );
}
