import type { AtomDocument } from './document.ts';

/** Addresses of other documents of the same feed; each is undefined when not linked. */
export interface ArchiveLinks {
  /** The archive page before this document: stable, walked back to learn what was missed. */
  prevArchive?: string;
  nextArchive?: string;
  /** The live document that an archive page belongs to. */
  current?: string;
  /** Pages of a paged feed, which may shift between two reads. */
  next?: string;
  previous?: string;
  first?: string;
  last?: string;
}

const nameByRelation: Readonly<Record<string, keyof ArchiveLinks>> = {
  'prev-archive': 'prevArchive',
  'next-archive': 'nextArchive',
  current: 'current',
  next: 'next',
  previous: 'previous',
  first: 'first',
  last: 'last',
};

/**
 * The links of RFC 5005 among the links of a feed; the first of a kind counts. The addresses are the
 * sender's: whoever follows one checks its host, bounds the number of pages and stops on a cycle.
 */
export function archiveLinks(document: AtomDocument): ArchiveLinks {
  const found: ArchiveLinks = {};
  for (const { rel, href } of document.links) {
    const name = Object.hasOwn(nameByRelation, rel) ? nameByRelation[rel] : undefined;
    if (name !== undefined) found[name] ??= href;
  }
  return found;
}
