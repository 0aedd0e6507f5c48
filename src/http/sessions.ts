/** Create session: MHV names a patient who logs in, and asks whether their history has arrived. */
import { Elysia, t } from 'elysia';
import type { SessionView, Store } from '../store/store.ts';
import { type AuthOptions, checkApiCaller } from './auth.ts';
import { cernerId, icn, idOfMpi, oneOf } from './schemas.ts';

export interface SessionsOptions {
  store: Store;
  auth: AuthOptions;
}

/** MHV's own words for its sync status; `syncComplete` means stop waiting, not success. */
const session = t.Object({
  status: oneOf(['NOT_STARTED', 'IN_PROGRESS', 'FINISHED', 'ERROR'], {
    description: 'FINISHED only when every listed message was delivered',
  }),
  syncComplete: t.Boolean({ description: 'True: stop waiting. It does not mean success.' }),
  listed: t.Integer({ description: 'Messages that OH has listed so far' }),
  delivered: t.Integer({ description: 'How many of those MHV has' }),
  error: t.Optional(t.String()),
});

/** `POST /sessions`, `GET /sessions/{icn}`. */
export function sessions({ store, auth }: SessionsOptions) {
  return new Elysia({ name: 'sessions' })
    .onBeforeHandle(({ request }) => checkApiCaller(auth, request.headers))
    .post(
      '/sessions',
      async ({ body, set }) => {
        const named = body.cernerId === undefined ? undefined : idOfMpi(body.cernerId);
        const wish = named === undefined ? {} : { namedOhPatientId: named };
        const view = await store.requestSession(body.icn, wish);
        set.status = view.status === 'IN_PROGRESS' ? 202 : 200;
        set.headers['location'] = `/sessions/${body.icn}`;
        return sessionBody(view);
      },
      {
        parse: 'json',
        body: t.Object({ icn, cernerId: t.Optional(cernerId) }, { additionalProperties: false }),
        response: { 200: session, 202: session },
        detail: {
          summary: 'A patient logs in',
          description:
            '202 while the history of a new patient loads, 200 when it is there. After an ERROR the load starts anew.',
          tags: ['Sessions'],
        },
      },
    )
    .get('/sessions/:icn', async ({ params }) => sessionBody(await store.findSession(params.icn)), {
      params: t.Object({ icn }),
      response: { 200: session },
      detail: { summary: "How far a patient's history has come", tags: ['Sessions'] },
    });
}

function sessionBody({ status, syncComplete, listed, delivered, error }: SessionView) {
  return { status, syncComplete, listed, delivered, ...(error === undefined ? {} : { error }) };
}
