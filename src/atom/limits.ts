/**
 * Every bound on one Atom document, in one place. A document over any of them is refused with
 * `too-large` before more of it is read. No limit is about what a feed means; all of them keep the
 * time and memory that one push can take small and linear in its size.
 */

export interface AtomLimits {
  /** Size of the document in bytes, after gunzip. Real pushes are a few kB. */
  maxBytes: number;
  /** Open elements at one time, the root being 1. XHTML content is the deepest that feeds have. */
  maxDepth: number;
  /** Elements in the whole document, XHTML content included. */
  maxElements: number;
  /** Attributes of one element, namespace declarations included. */
  maxAttributes: number;
  /** Entity and character references in the whole document; escaped HTML is full of them. */
  maxReferences: number;
  /** `entry` elements of a feed, and as many tombstones. */
  maxEntries: number;
  /** Characters of an `atom:id` or of a `ref` to one; they become keys of the database. */
  maxIdCharacters: number;
}

/** The limits that hold where the caller names no other. */
const DEFAULT_LIMITS: Readonly<AtomLimits> = {
  maxBytes: 5 * 1024 * 1024,
  maxDepth: 32,
  maxElements: 100_000,
  maxAttributes: 64,
  maxReferences: 500_000,
  maxEntries: 1000,
  maxIdCharacters: 2048,
};

/** Elements are read by a function that calls itself, so depth has a bound that nobody can lift. */
const GREATEST_DEPTH = 256;

/** The default limits with the caller's on top; `maxDepth` is held to 256. */
export function withDefaults(limits: Partial<AtomLimits> | undefined): AtomLimits {
  const merged = { ...DEFAULT_LIMITS, ...limits };
  merged.maxDepth = Math.min(merged.maxDepth, GREATEST_DEPTH);
  return merged;
}
