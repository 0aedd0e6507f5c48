/** `/console/directory`: which pool is which triage group, and the pools that messages wait for. */
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../../../errors.ts';
import type { Instant } from '../../../message.ts';
import { actorOf, allows } from '../../../principal.ts';
import type { WaitingPool } from '../../../store/console.ts';
import type { NewTriageGroup, TriageGroup } from '../../../store/directory.ts';
import { Page, pageResponse, seeOther } from '../page.tsx';
import { Act, Ago, At, Badge, type Column, Empty, Id, Notice, Table } from '../parts.tsx';
import { consoleAccess, type Visitor } from '../visitor.ts';
import { plural } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/directory';

const nameBody = t.Object({
  csrf: t.String(),
  name: t.String({ minLength: 1, maxLength: 120 }),
  stationNumber: t.String({ maxLength: 20 }),
  mhvTriageTeamId: t.Optional(t.String({ maxLength: 19 })),
  preferred: t.Optional(t.Literal('on')),
});

export function directoryPages({ store, visitorOf, now }: PagesOptions) {
  const poolPage = async (ohPoolId: string, visitor: Visitor, refusal?: string) => {
    const groups = await store.directory.list(ohPoolId);
    return pageResponse(
      <PoolPage {...{ ohPoolId, groups, visitor, refusal }} />,
      refusal === undefined ? 200 : 422,
    );
  };
  return new Elysia({ name: 'console-directory' })
    .use(consoleAccess(visitorOf))
    .get(
      PATH,
      async ({ principal, csrfToken }) => {
        const [waiting, groups] = await Promise.all([
          store.console.waitingPools(),
          store.directory.list(),
        ]);
        const visitor = { principal, csrfToken };
        return pageResponse(<ListPage {...{ waiting, groups, visitor, now: now() }} />);
      },
      { console: 'read' },
    )
    .get(
      `${PATH}/:ohPoolId`,
      ({ params, principal, csrfToken }) => poolPage(params.ohPoolId, { principal, csrfToken }),
      { console: 'read' },
    )
    .post(
      `${PATH}/:ohPoolId`,
      async ({ params: { ohPoolId }, body, principal, csrfToken }) => {
        const groups = withName(await store.directory.list(ohPoolId), ohPoolId, body);
        try {
          await store.directory.put(groups, 'api', actorOf(principal));
        } catch (error) {
          if (!(error instanceof ExchangeError) || error.code !== 'invalid') throw error;
          return poolPage(ohPoolId, { principal, csrfToken }, error.message);
        }
        return seeOther(`${PATH}/${ohPoolId}`);
      },
      { console: 'operate', parse: 'urlencoded', body: nameBody },
    )
    .post(
      `${PATH}/:ohPoolId/remove`,
      async ({ params: { ohPoolId }, body, principal }) => {
        await store.directory.remove(ohPoolId, body.name, actorOf(principal));
        return seeOther(`${PATH}/${ohPoolId}`);
      },
      {
        console: 'operate',
        parse: 'urlencoded',
        body: t.Object({ csrf: t.String(), name: t.String() }),
      },
    );
}

/** The pool's names with one more, or with what was said of one of them changed. */
function withName(
  groups: TriageGroup[],
  ohPoolId: string,
  said: { name: string; stationNumber: string; mhvTriageTeamId?: string; preferred?: 'on' },
): NewTriageGroup[] {
  const name = said.name.trim();
  const others = groups.filter((group) => group.name !== name);
  const preferred = said.preferred === 'on' || others.length === 0;
  const team = said.mhvTriageTeamId?.trim();
  return [
    ...others.map((group) => ({
      ohPoolId,
      name: group.name,
      stationNumber: group.stationNumber,
      ...(group.mhvTriageTeamId ? { mhvTriageTeamId: group.mhvTriageTeamId } : {}),
      preferred: group.preferred && !preferred,
    })),
    {
      ohPoolId,
      name,
      stationNumber: said.stationNumber.trim(),
      ...(team ? { mhvTriageTeamId: team } : {}),
      preferred: preferred || groups.some((group) => group.name === name && group.preferred),
    },
  ];
}

function ListPage({
  waiting,
  groups,
  visitor,
  now,
}: {
  waiting: WaitingPool[];
  groups: TriageGroup[];
  visitor: Visitor;
  now: Instant;
}) {
  return (
    <Page title="Directory" section={PATH} visitor={visitor}>
      <section class="card" aria-labelledby="waiting-title">
        <h2 id="waiting-title">Pools that messages wait for</h2>
        {waiting.length === 0 ? (
          <p class="quiet">No message waits for a pool.</p>
        ) : (
          <ul class="concerns">
            {waiting.map(({ ohPoolId, reason, messages, oldestAt }) => (
              <li key={reason} class="warn">
                {ohPoolId === undefined ? (
                  <strong>{reason}</strong>
                ) : (
                  <a href={`${PATH}/${ohPoolId}`}>Name pool {ohPoolId}</a>
                )}
                <span>
                  {plural(messages, 'message')}, the oldest accepted <Ago at={oldestAt} now={now} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </section>
      {groups.length === 0 ? (
        <Empty title="The directory is empty.">
          bun run directory import reads it from a file; with DIRECTORY=seen messages fill it.
        </Empty>
      ) : (
        <Table caption="Triage groups by pool" columns={columns} rows={groups} />
      )}
    </Page>
  );
}

const columns: Column<TriageGroup>[] = [
  {
    title: 'Pool',
    of: ({ ohPoolId, name }) => (
      <a href={`${PATH}/${ohPoolId}`} aria-label={`Pool ${ohPoolId}: ${name}`}>
        <Id>{ohPoolId}</Id>
      </a>
    ),
  },
  {
    title: 'Name',
    of: ({ name, preferred }) => (
      <>
        {name} {preferred && <Badge tone="quiet">shown</Badge>}
      </>
    ),
  },
  { title: 'Station', of: ({ stationNumber }) => stationNumber },
  { title: 'MHV team', of: ({ mhvTriageTeamId }) => mhvTriageTeamId },
  {
    title: 'From',
    of: ({ source }) =>
      source === 'seen' ? <Badge tone="warn">seen, not confirmed</Badge> : source,
  },
  {
    title: 'Changed',
    of: ({ updatedAt, actor }) => (
      <>
        <At at={updatedAt} /> by {actor}
      </>
    ),
  },
];

function PoolPage({
  ohPoolId,
  groups,
  visitor,
  refusal,
}: {
  ohPoolId: string;
  groups: TriageGroup[];
  visitor: Visitor;
  refusal: string | undefined;
}) {
  return (
    <Page title={`Pool ${ohPoolId}`} section={PATH} visitor={visitor}>
      {refusal !== undefined && <Notice tone="bad">Not taken: {refusal}</Notice>}
      {groups.length === 0 ? (
        <Empty title="No name belongs to this pool yet.">
          Once it has one, messages that wait for it go at once.
        </Empty>
      ) : (
        groups.map((group) => <Name key={group.name} group={group} visitor={visitor} />)
      )}
      <section class="card" aria-labelledby="add-title">
        <h2 id="add-title">{groups.length === 0 ? 'Name it' : 'Add or change a name'}</h2>
        <Act visitor={visitor} action={`${PATH}/${ohPoolId}`}>
          <div class="search">
            <label class="wide">
              Name that patients are shown
              <input name="name" required maxLength={60} autocomplete="off" />
            </label>
            <label>
              Station number
              <input name="stationNumber" required placeholder="589GR" autocomplete="off" />
            </label>
            <label>
              MHV triage team id, if known
              <input name="mhvTriageTeamId" inputmode="numeric" autocomplete="off" />
            </label>
            <label class="check">
              <input type="checkbox" name="preferred" checked={groups.length === 0} /> This name is
              shown
            </label>
            <div class="buttons">
              <button type="submit" class="main">
                Save
              </button>
            </div>
          </div>
        </Act>
      </section>
    </Page>
  );
}

function Name({ group, visitor }: { group: TriageGroup; visitor: Visitor }) {
  const { ohPoolId, name, stationNumber, mhvTriageTeamId, preferred, source, actor } = group;
  return (
    <section class="card" aria-label={name}>
      <div class="card-head">
        <h2>{name}</h2>
        {preferred && <Badge tone="ok">shown to patients</Badge>}
      </div>
      <p>
        Station {stationNumber}
        {mhvTriageTeamId && `, MHV team ${mhvTriageTeamId}`}. From {source}, by {actor},{' '}
        <At at={group.updatedAt} /> UTC.
      </p>
      {allows(visitor.principal, 'operate') && (
        <Act visitor={visitor} action={`${PATH}/${ohPoolId}/remove`}>
          <input type="hidden" name="name" value={name} />
          <button type="submit" aria-label={`Remove ${name}`}>
            Remove
          </button>
        </Act>
      )}
    </section>
  );
}
