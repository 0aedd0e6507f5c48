/** A message as a caller of the store sees it, and how one is looked for. */
import type { Direction, Instant, Outcome, Status } from '../message.ts';
import type { Stage } from './schema.ts';

export interface AttemptView {
  stage: Stage;
  number: number;
  startedAt: Instant;
  endedAt?: Instant;
  outcome?: Outcome['kind'] | 'duplicate';
  found?: boolean;
  errorCode?: string;
  reason?: string;
  httpStatus?: number;
  correlationId: string;
}

/** A message as `GET /messages` lists it. */
export interface MessageSummary {
  id: string;
  direction: Direction;
  status: Status;
  stage: Stage;
  icn?: string;
  ohPatientId?: string;
  ohMessageId?: string;
  mhvMessageId?: string;
  mhvThreadId?: string;
  acceptedAt: Instant;
  settledAt?: Instant;
  /** When the next attempt is due, or the lease of the present one ends. */
  dueAt?: Instant;
  error?: { code: string; reason: string; httpStatus?: number };
}

/** What happened besides the attempts: what was asked within one, and what a person did. */
export interface EventView {
  at: Instant;
  stage: Stage;
  /** Number of the attempt it happened in. */
  attempt?: number;
  event: string;
  detail?: string;
  /** The person who did it. */
  actor?: string;
}

export interface MessageView extends MessageSummary {
  /** Id of the message of the same patient that this one waits for. */
  blockedBy?: string;
  /** It came by the feed while OH still listed the patient's history, and goes behind it. */
  waitsForHistory?: true;
  attempts: AttemptView[];
  events: EventView[];
}

export interface MessageFilter {
  status?: Status;
  direction?: Direction;
  icn?: string;
  ohMessageId?: string;
  mhvMessageId?: string;
  errorCode?: string;
  /** Accepted at or after. */
  since?: Instant;
  /** Accepted before. */
  until?: Instant;
}

/** Newest first; `next` is the cursor of the next page, absent on the last. */
export interface MessagePage {
  messages: MessageSummary[];
  next?: number;
}
