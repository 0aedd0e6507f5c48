/** What a person does to messages by hand: replay one, replay many, dismiss. */
import { withHeaders } from '@elysiajs/openapi';
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../errors.ts';
import { actorOf } from '../principal.ts';
import type { ReplayFilter } from '../store/operator.ts';
import type { Store } from '../store/store.ts';
import { type ApiDoor, access } from './access.ts';
import { JSON_BODY } from './bounds.ts';
import { messageView } from './message-schemas.ts';
import { viewBody } from './messages.ts';
import {
  DEFAULT_PACE,
  dismissBody,
  dryRunAnswer,
  type ReplayBody,
  replayAnswer,
  replayBody,
  retryBody,
} from './operator-schemas.ts';
import { refusing } from './refusals.ts';
import { locationOf } from './schemas.ts';

export interface OperatorOptions {
  store: Store;
  door: ApiDoor;
}

/** What the description says of `retry`. */
const retryDetail = refusing(['not-found', 'conflict'], {
  operationId: 'retryMessage',
  summary: 'Replay one message',
  description:
    'A dead message goes again from the stage it died in, its attempts counted anew. Of a delivered one the destination is asked first, and only a clear no sends it again. A pending one becomes due. 409 when it is in hand, is a duplicate, or was purged.',
  tags: ['Operator'],
});

/** `POST /messages/{id}/retry`, `POST /messages/{id}/dismiss`, `POST /replay`. */
export function operator({ store, door }: OperatorOptions) {
  return new Elysia({ name: 'operator' })
    .use(access(door))
    .post(
      '/messages/:id/retry',
      async ({ params: { id }, body, principal, set }) => {
        await store.operator.replayOne(id, actorOf(principal, body?.actor));
        set.status = 202;
        set.headers['location'] = `/messages/${id}`;
        return viewOf(store, id);
      },
      {
        scope: 'operate',
        parse: JSON_BODY,
        body: t.Optional(retryBody),
        response: { 202: withHeaders(messageView, { Location: locationOf('the message') }) },
        detail: retryDetail,
      },
    )
    .post(
      '/messages/:id/dismiss',
      async ({ params: { id }, body, principal }) => {
        await store.operator.dismiss(id, actorOf(principal, body.actor), body.reason);
        return viewOf(store, id);
      },
      {
        scope: 'operate',
        parse: JSON_BODY,
        body: dismissBody,
        response: { 200: messageView },
        detail: refusing(['not-found', 'conflict'], {
          operationId: 'dismissMessage',
          summary: 'Say that a dead message needs nobody any more',
          description:
            'It leaves what is stuck and keeps its status, FAILED or INVALID. 409 when it is not dead.',
          tags: ['Operator'],
        }),
      },
    )
    .post(
      '/replay',
      async ({ body, principal, set }) => {
        const filter = toFilter(body);
        if (body.dryRun ?? true) return store.operator.countReplayable(filter);
        const { limit, ratePerSecond } = { ...DEFAULT_PACE, ...body };
        const by = actorOf(principal, body.actor);
        const replayed = await store.operator.replayAll(filter, { limit, ratePerSecond }, by);
        set.status = 202;
        return { replayed };
      },
      {
        scope: 'operate',
        parse: JSON_BODY,
        body: replayBody,
        response: { 200: dryRunAnswer, 202: replayAnswer },
        detail: {
          operationId: 'replayMessages',
          summary: 'Replay all messages that match a filter',
          description:
            'A dry run unless dryRun is false: how many match, by error code. Without a status the filter takes those that were given up, FAILED and INVALID; SENT needs since. Dismissed, purged and duplicate messages and those in hand are left alone.',
          tags: ['Operator'],
        },
      },
    );
}

async function viewOf(store: Store, id: string) {
  const found = await store.find(id);
  if (!found) throw new ExchangeError('not-found', 'No message has this id.');
  return viewBody(found);
}

/** A slip must not replay everything, nor ask after years of delivered messages. */
function toFilter({ filter = {}, all = false }: ReplayBody): ReplayFilter {
  if (Object.keys(filter).length === 0 && !all) {
    throw refused('filter', 'must name something, unless all is true');
  }
  if (filter.status === 'SENT' && filter.since === undefined) {
    throw refused('filter/since', 'must be given with the status SENT');
  }
  const { since, until, receivingPoolId, ...same } = filter;
  return {
    ...same,
    ...(receivingPoolId === undefined ? {} : { receivingPoolId: String(receivingPoolId) }),
    ...(since === undefined ? {} : { since: instantOf(since, 'since') }),
    ...(until === undefined ? {} : { until: instantOf(until, 'until') }),
  };
}

function instantOf(text: string, field: 'since' | 'until'): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw refused(`filter/${field}`, 'is no day or hour of the calendar');
  return at;
}

function refused(field: string, detail: string): ExchangeError {
  const faults = [{ pointer: `/${field}`, detail }];
  return new ExchangeError('invalid', `body/${field}: ${detail}`, { faults });
}
