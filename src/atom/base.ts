/** References relative to `xml:base` (RFC 4287 §2, XML Base). */

import { trimSpace } from './names.ts';
import { attributeOf, XML_NAMESPACE, type XmlElement } from './tree.ts';

/** Base of what an element holds. Undefined when there is none, or one that can't be read. */
export function baseOf(element: XmlElement, outer: string | undefined): string | undefined {
  const own = attributeOf(element, 'base', XML_NAMESPACE);
  if (own === undefined) return outer;
  const resolved = resolve(trimSpace(own), outer);
  // A relative base that nothing resolves is no base: links stay as written rather than go astray.
  return resolved !== undefined && URL.canParse(resolved) ? resolved : undefined;
}

/**
 * Makes a reference absolute. An absolute one stays as written, character by character, and so does
 * a relative one without a base. Undefined when it is no reference at all.
 */
export function resolve(reference: string, base: string | undefined): string | undefined {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(reference)) {
    return URL.canParse(reference) ? reference : undefined;
  }
  if (base === undefined) return reference;
  // A base such as `urn:` has no path that a relative reference could build on.
  return URL.canParse(reference, base) ? new URL(reference, base).href : undefined;
}
