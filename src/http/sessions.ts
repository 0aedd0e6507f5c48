/** Create session: MHV names a patient who logs in, and asks whether their history has arrived. */

import { withHeaders } from '@elysiajs/openapi';
import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { SessionView, Store } from '../store/store.ts';
import type { RequestTelemetry } from '../telemetry/requests.ts';
import { type ApiDoor, access } from './access.ts';
import { JSON_BODY } from './bounds.ts';
import * as examples from './examples.ts';
import { instant } from './message-schemas.ts';
import { refusing } from './refusals.ts';
import { cernerId, icn, idOfMpi, locationOf, oneOf } from './schemas.ts';

export interface SessionsOptions {
  store: Store;
  door: ApiDoor;
  /** The one tenant of Oracle Health that this exchange speaks to. */
  authority: string;
  /** Knows the trace that a request belongs to. */
  requests: RequestTelemetry;
}

/** MHV's own words for its sync status; `syncComplete` means stop waiting, not success. */
const session = {
  authority: t.String({
    description: 'The tenant of Oracle Health that this is about: what lies at another is not',
  }),
  status: oneOf(['NOT_STARTED', 'IN_PROGRESS', 'FINISHED', 'ERROR'], {
    description: 'FINISHED only when every listed message was delivered',
  }),
  syncComplete: t.Boolean({ description: 'True: stop waiting. It does not mean success.' }),
  listed: Type.Integer({ description: 'Messages that OH has listed so far' }),
  delivered: Type.Integer({ description: 'How many of those MHV has' }),
  error: t.Optional(t.String()),
};

const answer = t.Object(session, { examples: [examples.session] });
const timeline = t.Object(
  {
    ...session,
    events: t.Array(
      t.Object({
        at: instant,
        event: oneOf(['asked', 'identified', 'retry', 'given up', 'listed']),
        detail: t.Optional(t.String()),
      }),
      { description: 'What happened to the history as a whole, oldest first; the latest 50' },
    ),
  },
  { examples: [examples.sessionTimeline] },
);

const sessionBody = t.Object(
  { icn, cernerId: t.Optional(cernerId) },
  { additionalProperties: false, examples: [{ icn: '1000104729V004321' }] },
);
const LOCATION = { Location: locationOf('the session') };

/** `POST /sessions`, `GET /sessions/{icn}`. */
export function sessions({ store, door, authority, requests }: SessionsOptions) {
  const bodyOf = ({ status, syncComplete, listed, delivered, error }: SessionView) => {
    const counts = { status, syncComplete, listed, delivered };
    return { ...counts, ...(error === undefined ? {} : { error }), authority };
  };
  return new Elysia({ name: 'sessions' })
    .use(access(door))
    .post(
      '/sessions',
      async ({ body, request, set }) => {
        const traceparent = requests.traceparentOf(request);
        const wish = {
          ...(body.cernerId === undefined ? {} : { namedOhPatientId: idOfMpi(body.cernerId) }),
          ...(traceparent === undefined ? {} : { traceparent }),
        };
        const view = await store.sessions.request(body.icn, wish);
        set.status = view.status === 'IN_PROGRESS' ? 202 : 200;
        set.headers['location'] = `/sessions/${body.icn}`;
        return bodyOf(view);
      },
      {
        scope: 'send',
        parse: JSON_BODY,
        body: sessionBody,
        response: { 200: withHeaders(answer, LOCATION), 202: withHeaders(answer, LOCATION) },
        detail: {
          operationId: 'createSession',
          summary: 'A patient logs in',
          description:
            '202 while the history of a new patient loads, 200 when it is there. After an ERROR the load starts anew.',
          tags: ['Sessions'],
        },
      },
    )
    .get(
      '/sessions/:icn',
      async ({ params }) => {
        const events = await store.sessions.events(params.icn);
        return {
          ...bodyOf(await store.sessions.find(params.icn)),
          events: events.map(({ at, ...same }) => ({ at: new Date(at).toISOString(), ...same })),
        };
      },
      {
        scope: 'read',
        params: t.Object({ icn }),
        response: { 200: timeline },
        detail: refusing(['invalid'], {
          operationId: 'getSession',
          summary: "How far a patient's history has come",
          tags: ['Sessions'],
        }),
      },
    );
}
