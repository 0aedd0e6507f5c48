/** The shapes of the operator's API. */
import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import * as examples from './examples.ts';
import { dateTime, digits, direction, instant, status } from './message-schemas.ts';
import { icn, nextCursor, oneOf, pageLimit } from './schemas.ts';

/** How many messages one replay takes, and how fast, unless told. */
export const DEFAULT_PACE = { limit: 1000, ratePerSecond: 50 };

/** Most messages of one replay, and of a second of it. */
export const MAX_LIMIT = 5000;
export const MAX_RATE_PER_SECOND = 1000;

/** Who asks, for the timeline; whoever proved who they are is written with their own name before it. */
export const actor = t.String({
  pattern: '\\S',
  maxLength: 100,
  error: 'must be 1 to 100 characters, not all blank',
  examples: ['on-call@example.test'],
});

const onlyThese = (fields: string) => ({
  additionalProperties: false,
  error: `must be an object with ${fields} and nothing else`,
});

export const retryBody = t.Object(
  { actor: t.Optional(actor) },
  { ...onlyThese('perhaps an actor'), examples: [{ actor: 'on-call@example.test' }] },
);

export const dismissBody = t.Object(
  {
    actor,
    reason: t.String({
      pattern: '\\S',
      maxLength: 500,
      error: 'must be 1 to 500 characters, not all blank',
      description: 'Goes on the timeline; no patient data',
    }),
  },
  {
    ...onlyThese('actor and reason'),
    examples: [{ actor: 'on-call@example.test', reason: 'The patient was called.' }],
  },
);

const replayFilter = t.Object(
  {
    status: t.Optional(status),
    direction: t.Optional(direction),
    icn: t.Optional(icn),
    errorCode: t.Optional(
      t.String({ minLength: 1, maxLength: 64, error: 'must be 1 to 64 characters' }),
    ),
    httpStatusClass: t.Optional(
      oneOf(['4xx', '5xx'], { description: 'Of the answer that ended the last attempt' }),
    ),
    receivingPoolId: t.Optional(digits('the id of an OH pool')),
    since: t.Optional(dateTime),
    until: t.Optional(dateTime),
  },
  onlyThese('the fields of a replay filter'),
);

export const replayBody = t.Object(
  {
    filter: t.Optional(replayFilter),
    all: t.Optional(
      t.Boolean({
        error: 'must be true or false',
        description: 'An empty filter is meant: every message that was given up',
      }),
    ),
    dryRun: t.Optional(
      t.Boolean({ error: 'must be true or false', description: 'true unless told' }),
    ),
    limit: t.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_LIMIT,
        error: `must be a whole number from 1 to ${MAX_LIMIT}`,
        description: `At most so many, the oldest first; ${DEFAULT_PACE.limit} unless told`,
      }),
    ),
    ratePerSecond: t.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_RATE_PER_SECOND,
        error: `must be a whole number from 1 to ${MAX_RATE_PER_SECOND}`,
        description: `How many become due in a second; ${DEFAULT_PACE.ratePerSecond} unless told`,
      }),
    ),
    actor: t.Optional(actor),
  },
  {
    ...onlyThese('filter, all, dryRun, limit, ratePerSecond, actor'),
    examples: [{ filter: { errorCode: 'mhv:503' }, dryRun: false, actor: 'on-call@example.test' }],
  },
);

export type ReplayBody = Static<typeof replayBody>;

export const dryRunAnswer = t.Object(
  {
    matching: Type.Integer({ description: 'Messages that a replay without limit would take' }),
    byErrorCode: t.Record(t.String(), Type.Integer()),
  },
  { examples: [{ matching: 12, byErrorCode: { 'mhv:503': 12 } }] },
);

export const replayAnswer = t.Object(
  { replayed: Type.Integer({ description: 'Equal to the limit: there may be more' }) },
  { examples: [{ replayed: 12 }] },
);

const fault = t.Object({
  detail: t.String(),
  element: t.Optional(t.String()),
  line: t.Optional(Type.Integer()),
  column: t.Optional(Type.Integer()),
});

const quarantineSummary = {
  id: t.String({ format: 'uuid' }),
  scope: oneOf(['document', 'entries'], {
    description: 'document: nothing of it was taken; entries: only those with faults were not',
  }),
  sha256: t.String(),
  contentType: t.Optional(t.String()),
  sizeBytes: Type.Integer(),
  firstSeenAt: instant,
  lastSeenAt: instant,
  pushes: Type.Integer({ description: 'How often the same document was pushed' }),
  faultCount: Type.Integer(),
  purgedAt: t.Optional(instant),
  replayedAt: t.Optional(instant),
};

export const quarantineList = t.Object(
  { documents: t.Array(t.Object(quarantineSummary)), next: t.Optional(nextCursor) },
  { examples: [examples.quarantine] },
);

export const quarantineView = t.Object(
  {
    ...quarantineSummary,
    faults: t.Array(fault),
    replay: t.Optional(
      t.Object({
        actor: t.String(),
        accepted: Type.Integer(),
        duplicates: Type.Integer(),
        rejected: Type.Integer(),
        faults: t.Array(fault),
        editedSha256: t.Optional(t.String({ description: 'SHA-256 of the edited copy, if any' })),
      }),
    ),
  },
  { examples: [examples.quarantined] },
);

export const quarantineQuery = t.Object(
  {
    cursor: t.Optional(
      t.String({ pattern: '^[0-9a-f-]{36}$', error: 'must be a cursor this API gave' }),
    ),
    limit: t.Optional(pageLimit),
  },
  { additionalProperties: false },
);

export const takenAgain = t.Object(
  {
    accepted: Type.Integer({ description: 'Entries that are now on disk' }),
    duplicates: Type.Integer({ description: 'Entries that were on disk already' }),
    rejected: Type.Integer({ description: 'Entries that still can not be taken' }),
  },
  { examples: [examples.pushed] },
);
