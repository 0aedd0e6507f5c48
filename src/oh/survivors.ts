/** Patients who were combined into another, as 301 answers showed: asked once, then remembered. */
import type { Instant } from '../message.ts';

export interface Survivors {
  /** The patient to ask for: the survivor when one is remembered, else the same. */
  of(patientId: string): string;
  remember(patientId: string, survivorId: string): void;
  /** Combining can be undone: what was remembered of a patient who is gone is wrong. */
  forget(patientId: string): void;
}

const TTL_MS = 15 * 60 * 1000;
const MAX_ENTRIES = 10_000;

/** Remembers up to 10,000 patients for 15 minutes each, since combining can be undone. */
export function createSurvivors(now: () => Instant): Survivors {
  const known = new Map<string, { survivorId: string; until: Instant }>();
  return {
    of(patientId) {
      const entry = known.get(patientId);
      return entry && entry.until > now() ? entry.survivorId : patientId;
    },
    remember(patientId, survivorId) {
      const oldest = known.keys().next();
      if (known.size >= MAX_ENTRIES && !oldest.done) known.delete(oldest.value);
      known.set(patientId, { survivorId, until: now() + TTL_MS });
    },
    forget(patientId) {
      known.delete(patientId);
    },
  };
}
