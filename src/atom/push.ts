/** A pushed or archived document as the exchange takes it in: entries to accept, and what is wrong. */
import { type DocumentFault, ExchangeError, faultOf } from '../errors.ts';
import type { Entry, Instant } from '../message.ts';
import { type Extraction, toEntry } from './extract.ts';
import type { AtomLimits } from './limits.ts';
import { parseAtom } from './parse.ts';

export interface PushOptions {
  extraction: Extraction;
  contentType?: string | undefined;
  limits?: Partial<AtomLimits>;
}

export interface Push {
  entries: Entry[];
  /** Deleted entries (RFC 6721) by `atom:id`. */
  tombstones: { ref: string; deletedAt: Instant }[];
  /** What could not be read, or does not say which message it announces. */
  faults: DocumentFault[];
}

/**
 * Reads the bytes of an Atom document. Entries that can't be read, or don't say which message they
 * announce, become faults and don't sink the others. Throws ExchangeError when the document itself
 * can't be read.
 */
export function readPush(
  bytes: Uint8Array,
  { extraction, contentType, limits }: PushOptions,
): Push {
  const document = parseAtom(bytes, { contentType, ...(limits ? { limits } : {}) });
  const entries: Entry[] = [];
  const faults: DocumentFault[] = document.rejected.map(({ error, element, line }) => ({
    element,
    ...(line === undefined ? {} : { line }),
    ...faultOf(error),
  }));
  for (const atomEntry of document.entries) {
    try {
      entries.push(toEntry(atomEntry, extraction));
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      faults.push({ element: atomEntry.element, ...faultOf(error) });
    }
  }
  const tombstones = document.tombstones.map(({ ref, deletedAt }) => ({ ref, deletedAt }));
  return { entries, tombstones, faults };
}
