/** The shapes of the messages API, checked on the way in and published in OpenAPI. */
import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import * as examples from './examples.ts';
import { cernerId, icn, nextCursor, oneOf, pageLimit } from './schemas.ts';

/** MHV writes ids as JSON integers, people as text; inside the exchange they are text. */
export const digits = (what: string) =>
  t.Union(
    [
      t.String({ pattern: '^[0-9]{1,19}$' }),
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    ],
    { error: `must be ${what}: up to 19 digits` },
  );

const ohMessageId = t.String({
  minLength: 1,
  maxLength: 255,
  error: 'must be an OH message id of 1 to 255 characters',
  examples: ['3000000005:-6:0:0'],
});

const attachment = t.Object(
  {
    name: t.String({
      minLength: 1,
      maxLength: 255,
      error: 'must be a file name of 1 to 255 characters',
    }),
    mimeType: t.String({
      pattern: '^[\\w.+-]+/[\\w.+-]+$',
      error: 'must be a media type such as application/pdf',
    }),
    contentBase64: t.String({ minLength: 4, error: 'must be the bytes of the file in base64' }),
  },
  {
    additionalProperties: false,
    error: 'must have name, mimeType and contentBase64 and nothing else',
  },
);

export const sendBody = t.Object(
  {
    icn,
    subject: t.String({
      pattern: '\\S',
      maxLength: 255,
      error: 'must be 1 to 255 characters, not all blank',
    }),
    body: t.String({
      minLength: 1,
      maxLength: 100_000,
      error: 'must be plain text of 1 to 100000 characters',
    }),
    receivingPoolId: digits('the id of an OH pool'),
    category: t.Optional(
      t.String({ minLength: 1, maxLength: 64, error: 'must be 1 to 64 characters' }),
    ),
    inReplyToOhMessageId: t.Optional(ohMessageId),
    mhvMessageId: t.Optional(digits('an MHV message id')),
    mhvCorrelationId: t.Optional(digits('an MHV user id')),
    mhvAttachmentIds: t.Optional(
      t.Array(digits('an MHV attachment id'), {
        maxItems: 10,
        error: 'must be a list of up to 10 attachment ids',
        description: 'Files of mhvMessageId that the exchange fetches as mhvCorrelationId',
      }),
    ),
    cernerId: t.Optional(cernerId),
    attachments: t.Optional(
      t.Array(attachment, { maxItems: 10, error: 'must be a list of up to 10 files' }),
    ),
  },
  {
    additionalProperties: false,
    description: 'A message from a patient to an OH pool',
    examples: [examples.send],
  },
);

export type SendBody = Static<typeof sendBody>;

export const sendAnswer = t.Object(
  {
    id: t.String({ description: 'Id of the message in the exchange', format: 'uuid' }),
    status: t.Literal('IN_PROGRESS'),
  },
  { examples: [examples.sendAnswer] },
);

export const status = oneOf(['IN_PROGRESS', 'SENT', 'FAILED', 'INVALID'], {
  description:
    'IN_PROGRESS; SENT: delivered; FAILED: attempts are spent; INVALID: refused for good',
});
export const direction = oneOf(['oh-to-mhv', 'mhv-to-oh']);
export const instant = t.String({ format: 'date-time', examples: ['2025-10-08T14:15:47.250Z'] });

const problem = t.Object({
  code: t.String({ examples: ['oh:404'] }),
  reason: t.String(),
  httpStatus: t.Optional(Type.Integer()),
});

const summary = {
  id: t.String({ format: 'uuid' }),
  direction,
  status,
  stage: oneOf(['inbox', 'outbox'], {
    description: 'inbox until the message is translated, then outbox',
  }),
  icn: t.Optional(t.String()),
  ohPatientId: t.Optional(t.String()),
  ohMessageId: t.Optional(t.String()),
  mhvMessageId: t.Optional(t.String()),
  mhvThreadId: t.Optional(t.String()),
  acceptedAt: instant,
  settledAt: t.Optional(instant),
  dueAt: t.Optional(instant),
  error: t.Optional(problem),
};

const messageSummary = t.Object(summary);

export const messageView = t.Object(
  {
    ...summary,
    blockedBy: t.Optional(
      t.String({ description: "Id of the same patient's message that this one waits for" }),
    ),
    waitsForHistory: t.Optional(
      t.Literal(true, {
        description: 'It goes as soon as OH has listed what the patient had before',
      }),
    ),
    attempts: t.Array(
      t.Object({
        stage: oneOf(['inbox', 'outbox']),
        number: Type.Integer(),
        startedAt: instant,
        endedAt: t.Optional(instant),
        outcome: t.Optional(t.String()),
        found: t.Optional(
          t.Boolean({ description: 'The destination was asked and had it already' }),
        ),
        errorCode: t.Optional(t.String()),
        reason: t.Optional(t.String()),
        httpStatus: t.Optional(Type.Integer()),
        correlationId: t.String(),
      }),
    ),
    events: t.Array(
      t.Object({
        at: instant,
        stage: oneOf(['inbox', 'outbox']),
        attempt: t.Optional(Type.Integer({ description: 'Attempt that it happened in' })),
        event: t.String({ examples: ['asked', 'found', 'replayed', 'dismissed'] }),
        detail: t.Optional(t.String()),
        actor: t.Optional(t.String({ description: 'The person who did it' })),
      }),
      { description: 'What was asked within attempts, and what a person did' },
    ),
  },
  { examples: [examples.view] },
);

export const messageList = t.Object(
  { messages: t.Array(messageSummary), next: t.Optional(nextCursor) },
  { examples: [examples.messages] },
);

export const dateTime = t.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$',
  error: 'must be an RFC 3339 instant with an offset',
});

export const messageQuery = t.Object(
  {
    status: t.Optional(status),
    direction: t.Optional(direction),
    icn: t.Optional(icn),
    ohMessageId: t.Optional(ohMessageId),
    mhvMessageId: t.Optional(
      t.String({ pattern: '^[0-9]{1,19}$', error: 'must be up to 19 digits' }),
    ),
    errorCode: t.Optional(t.String({ maxLength: 64 })),
    since: t.Optional(dateTime),
    until: t.Optional(dateTime),
    cursor: t.Optional(
      t.String({ pattern: '^[0-9]{1,15}$', error: 'must be a cursor this API gave' }),
    ),
    limit: t.Optional(pageLimit),
  },
  { additionalProperties: false },
);

export type MessageQuery = Static<typeof messageQuery>;
export type MessageSummaryBody = Static<typeof messageSummary>;
export type MessageViewBody = Static<typeof messageView>;
