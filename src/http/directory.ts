/** The directory over HTTP: which pool is which triage group, and by what name patients know it. */
import { withHeaders } from '@elysiajs/openapi';
import { Value } from '@sinclair/typebox/value';
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../errors.ts';
import { actorOf } from '../principal.ts';
import type { DirectoryCursor, TriageGroup } from '../store/directory.ts';
import { DIRECTORY_ID, STATION_NUMBER } from '../store/directory-rules.ts';
import type { Store } from '../store/store.ts';
import { type ApiDoor, access } from './access.ts';
import { JSON_BODY } from './bounds.ts';
import * as examples from './examples.ts';
import { digits, instant } from './message-schemas.ts';
import { actor } from './operator-schemas.ts';
import { linkToNext, nextLink } from './paging.ts';
import { refusing } from './refusals.ts';
import { DEFAULT_PAGE, nextCursor, oneOf, pageLimit } from './schemas.ts';

export interface DirectoryOptions {
  store: Store;
  door: ApiDoor;
}

const MAX_NAMES = 100;

const ohPoolId = t.String({ pattern: DIRECTORY_ID, error: 'must be up to 19 digits' });
/** Its bound is in code points and in the store; this one keeps a flood out. */
const name = t.String({
  minLength: 1,
  maxLength: 120,
  error: 'must be 1 to 60 characters',
  description: 'What patients are shown: 1 to 60 characters',
});
const stationNumber = t.String({
  pattern: STATION_NUMBER,
  error: 'must be three digits and up to four capitals or digits, such as 589GR',
  examples: ['589GR'],
});
const preferred = t.Boolean({
  error: 'must be true or false',
  description:
    'The name patients are shown: exactly one of each pool; a pool with one name may omit it',
});

const group = t.Object({
  ohPoolId: t.String(),
  name: t.String(),
  stationNumber: t.String(),
  mhvTriageTeamId: t.Optional(t.String()),
  preferred: t.Boolean(),
  source: oneOf(['csv', 'api', 'oh', 'mhv', 'seen'], {
    description: 'seen: a message brought it up, and nobody has confirmed it',
  }),
  updatedAt: instant,
  actor: t.String(),
});

const groupPage = t.Object(
  { groups: t.Array(group), next: t.Optional(nextCursor) },
  { examples: [{ groups: [examples.group] }] },
);
const groupsOfPool = t.Object(
  { groups: t.Array(group) },
  { examples: [{ groups: [examples.group] }] },
);

const putBody = t.Object(
  {
    names: t.Array(
      t.Object(
        {
          name,
          stationNumber,
          mhvTriageTeamId: t.Optional(digits('an MHV triage team id')),
          preferred: t.Optional(preferred),
        },
        {
          additionalProperties: false,
          error:
            'must have name, stationNumber, perhaps mhvTriageTeamId and preferred, nothing else',
        },
      ),
      { minItems: 1, maxItems: MAX_NAMES, error: `must be a list of 1 to ${MAX_NAMES} names` },
    ),
    actor: t.Optional(actor),
  },
  {
    additionalProperties: false,
    error: 'must be an object with names, perhaps an actor',
    examples: [{ names: [{ name: 'ZZTEST Primary Care East', stationNumber: '668' }] }],
  },
);

const listQuery = t.Object(
  {
    poolId: t.Optional(ohPoolId),
    cursor: t.Optional(
      t.String({ pattern: '^[A-Za-z0-9_-]{1,800}$', error: 'must be a cursor this API gave' }),
    ),
    limit: t.Optional(pageLimit),
  },
  { additionalProperties: false },
);
/** Pool, whether the name is the preferred one, and the name. */
const cursorParts = t.Tuple([t.String(), t.Boolean(), t.String()]);
const onlyName = t.Object({ name }, { additionalProperties: false });

/** What the description says of each route. */
const details = {
  list: {
    operationId: 'listTriageGroups',
    summary: 'Which pool is which triage group',
    description: 'By pool, the preferred name first.',
    tags: ['Directory'],
  },
  put: {
    operationId: 'nameTriageGroup',
    summary: 'Say what a pool is called',
    description:
      'The pool has these names afterwards and no others. Messages that waited for it go at once.',
    tags: ['Directory'],
  },
  remove: refusing(['not-found'], {
    operationId: 'removeTriageGroupName',
    summary: 'Remove a name of a pool',
    description: 'When it was the preferred one, the first of the others by name becomes it.',
    tags: ['Directory'],
  }),
};

/** `GET /directory`, `PUT /directory/{ohPoolId}`, `DELETE /directory/{ohPoolId}?name=`. */
export function directory({ store, door }: DirectoryOptions) {
  return new Elysia({ name: 'directory' })
    .use(access(door))
    .get(
      '/directory',
      async ({ query, request, set }) => {
        const filter = query.poolId === undefined ? {} : { ohPoolId: query.poolId };
        const cursor = query.cursor === undefined ? {} : { cursor: fromText(query.cursor) };
        const limit = Number(query.limit ?? DEFAULT_PAGE);
        const { groups, next } = await store.directory.page(filter, { ...cursor, limit });
        const cursorOfNext = next && toText(next);
        linkToNext(request, set.headers, cursorOfNext);
        return { ...bodyOf(groups), ...(cursorOfNext ? { next: cursorOfNext } : {}) };
      },
      {
        scope: 'read',
        query: listQuery,
        response: { 200: withHeaders(groupPage, { Link: nextLink }) },
        detail: details.list,
      },
    )
    .put(
      '/directory/:ohPoolId',
      async ({ params, body, principal }) => {
        const names = body.names.map(({ mhvTriageTeamId: team, ...same }) => ({
          ...same,
          ohPoolId: params.ohPoolId,
          ...(team === undefined ? {} : { mhvTriageTeamId: String(team) }),
        }));
        await store.directory.put(names, 'api', actorOf(principal, body.actor));
        return bodyOf(await store.directory.list(params.ohPoolId));
      },
      {
        scope: 'operate',
        parse: JSON_BODY,
        params: t.Object({ ohPoolId }),
        body: putBody,
        response: { 200: groupsOfPool },
        detail: details.put,
      },
    )
    .delete(
      '/directory/:ohPoolId',
      async ({ params, query, principal, set }) => {
        await store.directory.remove(params.ohPoolId, query.name, actorOf(principal));
        set.status = 204;
      },
      {
        scope: 'operate',
        params: t.Object({ ohPoolId }),
        query: onlyName,
        response: { 204: t.Void() },
        detail: details.remove,
      },
    );
}

function bodyOf(groups: TriageGroup[]) {
  return {
    groups: groups.map(({ updatedAt, ...same }) => ({
      ...same,
      updatedAt: new Date(updatedAt).toISOString(),
    })),
  };
}

function toText({ ohPoolId: pool, preferred: isFirst, name: own }: DirectoryCursor): string {
  return Buffer.from(JSON.stringify([pool, isFirst, own])).toString('base64url');
}

function fromText(text: string): DirectoryCursor {
  try {
    const parts = Value.Parse(cursorParts, JSON.parse(Buffer.from(text, 'base64url').toString()));
    return { ohPoolId: parts[0], preferred: parts[1], name: parts[2] };
  } catch {
    const detail = 'must be a cursor this API gave';
    const faults = [{ pointer: '/cursor', detail }];
    throw new ExchangeError('invalid', `query/cursor: ${detail}`, { faults });
  }
}
