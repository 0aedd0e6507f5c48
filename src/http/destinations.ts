/** Where messages go: how it stands with each destination, and a person's pause and resume. */
import { type Static, Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../errors.ts';
import type { Direction } from '../message.ts';
import { actorOf } from '../principal.ts';
import type { DestinationView } from '../queue/engine.ts';
import { type ApiDoor, access } from './access.ts';
import { JSON_BODY } from './bounds.ts';
import * as examples from './examples.ts';
import { direction, instant } from './message-schemas.ts';
import { actor } from './operator-schemas.ts';
import { refusing } from './refusals.ts';
import { oneOf } from './schemas.ts';

/** What the routes ask and tell. */
export interface Destinations {
  list(): Promise<DestinationView[]>;
  /** Nothing more is sent there, across restarts, until somebody resumes it. */
  pause(destination: Direction, actor: string): Promise<void>;
  /** Ends a pause, and the wait of an open breaker. */
  resume(destination: Direction, actor: string): Promise<void>;
}

export interface DestinationsOptions {
  destinations: Destinations;
  door: ApiDoor;
}

const DIRECTIONS: Direction[] = ['oh-to-mhv', 'mhv-to-oh'];

const breaker = {
  openUntil: t.Optional(instant),
  failuresInARow: Type.Integer({ description: 'Since the latest success' }),
  code: t.Optional(t.String({ description: 'Of the latest failure', examples: ['mhv:503'] })),
  inHand: Type.Integer({ description: 'Messages that are worked on at this moment' }),
};

const destinationBody = t.Object(
  {
    destination: direction,
    state: oneOf(['closed', 'open', 'half-open', 'paused'], {
      description:
        'closed: messages go; open: none goes until openUntil; half-open: one goes to try; paused: none goes until a person resumes',
    }),
    pausedBy: t.Optional(t.String()),
    pausedAt: t.Optional(instant),
    ratePerSecond: t.Optional(t.Number({ description: 'RATE_PER_SECOND, when there is one' })),
    ...breaker,
    translation: t.Object(
      { state: oneOf(['closed', 'open', 'half-open']), ...breaker },
      { description: 'The look-ups at Oracle Health that come before the delivery' },
    ),
  },
  { examples: [examples.destination] },
);

type DestinationBody = Static<typeof destinationBody>;

const params = t.Object({ destination: t.String({ examples: DIRECTIONS }) });
const actorBody = t.Object(
  { actor },
  { additionalProperties: false, examples: [{ actor: 'on-call@example.test' }] },
);

/** `GET /destinations`, `POST /destinations/{destination}/pause`, `POST .../resume`. */
export function destinations({ destinations: known, door }: DestinationsOptions) {
  return new Elysia({ name: 'destinations' })
    .use(access(door))
    .get('/destinations', async () => (await known.list()).map(bodyOf), {
      scope: 'read',
      response: { 200: t.Array(destinationBody, { examples: [[examples.destination]] }) },
      detail: {
        operationId: 'listDestinations',
        summary: 'How it stands with each destination',
        description:
          'oh-to-mhv is MHV, mhv-to-oh is Oracle Health. The breakers are those of this process.',
        tags: ['Operator'],
      },
    })
    .post(
      '/destinations/:destination/pause',
      async ({ params: { destination: name }, body, principal }) => {
        const destination = named(name);
        await known.pause(destination, actorOf(principal, body.actor));
        return viewOf(known, destination);
      },
      {
        scope: 'operate',
        parse: JSON_BODY,
        params,
        body: actorBody,
        response: { 200: destinationBody },
        detail: refusing(['not-found'], {
          operationId: 'pauseDestination',
          summary: 'Send nothing more to a destination',
          description:
            'Messages are accepted and translated, and wait without spending attempts, restarts included. What is in hand is finished. Pausing what is paused changes nothing.',
          tags: ['Operator'],
        }),
      },
    )
    .post(
      '/destinations/:destination/resume',
      async ({ params: { destination: name }, body, principal }) => {
        const destination = named(name);
        await known.resume(destination, actorOf(principal, body.actor));
        return viewOf(known, destination);
      },
      {
        scope: 'operate',
        parse: JSON_BODY,
        params,
        body: actorBody,
        response: { 200: destinationBody },
        detail: refusing(['not-found'], {
          operationId: 'resumeDestination',
          summary: 'Send to a destination again',
          description:
            'Ends a pause, and the wait of an open breaker: then one message goes at once to try.',
          tags: ['Operator'],
        }),
      },
    );
}

function named(name: string): Direction {
  const destination = DIRECTIONS.find((one) => one === name);
  if (destination) return destination;
  throw new ExchangeError('not-found', `The destinations are ${DIRECTIONS.join(' and ')}.`);
}

async function viewOf(known: Destinations, destination: Direction): Promise<DestinationBody> {
  const view = (await known.list()).find((one) => one.destination === destination);
  if (!view) throw new ExchangeError('internal', 'Internal error.');
  return bodyOf(view);
}

function bodyOf({ pausedAt, translation, ...view }: DestinationView): DestinationBody {
  return {
    ...withRfc3339(view),
    ...(pausedAt === undefined ? {} : { pausedAt: new Date(pausedAt).toISOString() }),
    translation: withRfc3339(translation),
  };
}

function withRfc3339<View extends { openUntil?: number }>({ openUntil, ...same }: View) {
  return {
    ...same,
    ...(openUntil === undefined ? {} : { openUntil: new Date(openUntil).toISOString() }),
  };
}
