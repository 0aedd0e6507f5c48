import type { Undelivered } from '../message.ts';

/** The verdict that a message can't be translated; `reason` must hold no patient data. */
export function rejection(code: string, reason: string): Undelivered {
  return { kind: 'rejected', code: `translate:${code}`, reason };
}

/**
 * The distinct code points of `characters` as `U+00F1, U+1F600`, at most ten of them. Code points
 * tell nothing of a patient, so they may stand in a reason.
 */
export function codePoints(characters: Iterable<string>): string {
  const distinct = new Set(characters);
  const named = [...distinct].slice(0, MAX_NAMED).map((character) => {
    const code = character.codePointAt(0) ?? 0;
    return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  });
  const more = distinct.size - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

const MAX_NAMED = 10;
