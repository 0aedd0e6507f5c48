/** How a patient's history is asked for, listed and accounted for. */
import type { Entry, Instant, Status } from '../message.ts';

/** A patient's history in hand: the listing is claimed like a row. */
export interface ClaimedSession {
  icn: string;
  attempt: number;
  /** Attempts, this one included, since the listing last moved on. */
  spent: number;
  correlationId: string;
  /** The OH patient id that the caller named, not yet checked. */
  namedOhPatientId?: string;
  ohPatientId?: string;
  /** The stretch that is asked for; absent: from the beginning, and until now. */
  since?: Instant;
  until?: Instant;
  listedUntil?: Instant;
  /** W3C Trace Context of the request that asked for it. */
  traceparent?: string;
}

/** Of whom, and how much of it, history is asked for. */
export interface HistoryWish {
  /** The OH patient id that the caller names, to be checked. */
  namedOhPatientId?: string;
  since?: Instant;
  until?: Instant;
  /** W3C Trace Context of the request. */
  traceparent?: string;
}

/** A step of a session: it is known who the patient is at OH, or one window of messages is listed. */
export type SessionProgress =
  | {
      step: 'identified';
      ohPatientId: string;
      /** The OH patient id that the caller named, when that patient was combined into this one. */
      combinedFrom?: string;
    }
  | {
      step: 'listed';
      ohPatientId: string;
      entries: Entry[];
      /** End of the window. */
      listedUntil: Instant;
      /** True for the last window. */
      finished: boolean;
    };

/** An OH message against what became of it. */
export interface Reconciled {
  /** Id of the message that was accepted for it. */
  id: string;
  ohMessageId: string;
  /** SENT: MHV has it. */
  status: Status;
  mhvMessageId?: string;
  /** True for what the exchange itself sent to OH: MHV has it from its writer. */
  isOurs: boolean;
  /** Why it is not delivered. */
  why?: string;
}

/** What MHV is told of a patient's first import, in its own words. */
export interface SessionView {
  icn: string;
  status: 'NOT_STARTED' | 'IN_PROGRESS' | 'FINISHED' | 'ERROR';
  syncComplete: boolean;
  /** OH messages that were listed so far, each once. */
  listed: number;
  /** How many of those MHV has. */
  delivered: number;
  error?: string;
}

/** Something that happened to a patient's history as a whole. */
export interface SessionEvent {
  at: Instant;
  event: 'asked' | 'identified' | 'retry' | 'given up' | 'listed';
  detail?: string;
}
