/** Text, content, person and link constructs of RFC 4287 §3 and §4, and those of RFC 4685. */
import { baseOf, resolve } from './base.ts';
import type { AtomContent, AtomLink, AtomPerson, AtomText, InReplyTo } from './document.ts';
import { trimSpace } from './names.ts';
import { attributeOf, textOf, type XmlElement } from './tree.ts';

export const ATOM_NAMESPACE = 'http://www.w3.org/2005/Atom';

/** Whether an element is the one of that name in the Atom namespace. */
export function isAtom(element: XmlElement, name: string): boolean {
  return element.name === name && element.namespace === ATOM_NAMESPACE;
}

/** The child elements, without the text between them. */
export function elementsOf(parent: XmlElement): XmlElement[] {
  return parent.children.filter((child) => typeof child !== 'string');
}

/** RFC 4287 §3.1; a type nobody knows is read as text. */
export function readText(element: XmlElement): AtomText {
  const type = attributeOf(element, 'type');
  const text = trimSpace(textOf(element));
  return { type: type === 'html' || type === 'xhtml' ? type : 'text', text };
}

/** RFC 4287 §4.1.3. */
export function readContent(element: XmlElement, outerBase: string | undefined): AtomContent {
  const type = attributeOf(element, 'type');
  const src = attributeOf(element, 'src');
  if (src !== undefined) {
    const reference = trimSpace(src);
    const absolute = resolve(reference, baseOf(element, outerBase)) ?? reference;
    return { type: 'media', ...(type === undefined ? {} : { mediaType: type }), src: absolute };
  }
  const text = textOf(element);
  if (type === undefined || type === 'text') return { type: 'text', text };
  if (type === 'html' || type === 'xhtml') return { type, text: trimSpace(text) };
  return { type: 'media', mediaType: type, text };
}

/** The authors among the child elements of an entry, source or feed, in order (RFC 4287 §3.2). */
export function readAuthors(children: XmlElement[]): AtomPerson[] {
  const authors: AtomPerson[] = [];
  for (const element of children) {
    if (!isAtom(element, 'author')) continue;
    const person: AtomPerson = { name: '' };
    for (const part of elementsOf(element)) {
      const { name } = part;
      if (part.namespace !== ATOM_NAMESPACE) continue;
      if (name === 'name' || name === 'uri' || name === 'email')
        person[name] = trimSpace(textOf(part));
    }
    authors.push(person);
  }
  return authors;
}

const IANA_RELATION = 'http://www.iana.org/assignments/relation/';

/** RFC 4287 §4.2.7; undefined when the link has no `href`, or one that is no reference. */
export function readLink(element: XmlElement, outerBase: string | undefined): AtomLink | undefined {
  const written = attributeOf(element, 'href');
  if (written === undefined) return undefined;
  const href = resolve(trimSpace(written), baseOf(element, outerBase));
  if (href === undefined) return undefined;
  const rel = attributeOf(element, 'rel') || 'alternate';
  const type = attributeOf(element, 'type');
  return {
    rel: rel.startsWith(IANA_RELATION) ? rel.slice(IANA_RELATION.length) : rel,
    href,
    ...(type === undefined ? {} : { type }),
  };
}

/** RFC 4685 §3. Only a hint, so what can't be read of it is left out. */
export function readInReplyTo(element: XmlElement, outerBase: string | undefined): InReplyTo {
  const ref = attributeOf(element, 'ref');
  const written = attributeOf(element, 'href');
  const href =
    written === undefined ? undefined : resolve(trimSpace(written), baseOf(element, outerBase));
  return {
    ...(ref === undefined ? {} : { ref: trimSpace(ref) }),
    ...(href === undefined ? {} : { href }),
  };
}
