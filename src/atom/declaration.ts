/** The XML declaration (XML 1.0 §2.8), which only stands at the very start of a document. */

const VERSION = /^<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"([\w.:-]+)"|'([\w.:-]+)')/;
const ENCODING = /^[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*')/;
const STANDALONE = /^[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)')/;

/** Whether a document starts with an XML declaration, well formed or not. */
export function startsWithDeclaration(text: string): boolean {
  return /^<\?xml[ \t\n]/.test(text);
}

/** What is wrong with a declaration, from its `<?xml` to its `?>`; undefined when nothing is. */
export function declarationFault(declaration: string): string | undefined {
  const [version, ...numbers] = VERSION.exec(declaration) ?? [];
  if (version === undefined) return 'The XML declaration has no version';
  if (!numbers.includes('1.0')) return 'The XML version is not 1.0, which Atom is defined on';
  const rest = declaration.slice(version.length).replace(ENCODING, '').replace(STANDALONE, '');
  return /^[ \t\n]*\?>$/.test(rest) ? undefined : 'The XML declaration is not well formed';
}
