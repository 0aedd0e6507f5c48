/** What the pages of the console are given. */
import type { Extraction } from '../../../atom/extract.ts';
import type { Instant } from '../../../message.ts';
import type { Store } from '../../../store/store.ts';
import type { Destinations } from '../../destinations.ts';
import type { SendEvents } from '../events.ts';
import type { VisitorOf } from '../visitor.ts';

export interface PagesOptions {
  store: Store;
  destinations: Destinations;
  extraction: Extraction;
  visitorOf: VisitorOf;
  /** `AUTH=none`: on a machine that nobody else reaches. */
  isOpen?: boolean;
  events: SendEvents;
  now: () => Instant;
  /** Of an edited copy of a quarantined document. */
  maxBytes: number;
}
