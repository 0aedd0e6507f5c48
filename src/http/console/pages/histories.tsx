/** `/console/histories`: patients whose history was asked for, and how far a migration has come. */
import { Elysia, t } from 'elysia';
import type { Instant } from '../../../message.ts';
import type {
  Flow,
  HistoryPage,
  HistoryTotals,
  HistoryView,
  Standing,
} from '../../../store/console.ts';
import type { Fragments } from '../events.ts';
import { Csrf, Page, pageResponse } from '../page.tsx';
import { Ago, At, Badge, type Column, Empty, Facts, Id, Table } from '../parts.tsx';
import { consoleAccess, type Visitor } from '../visitor.ts';
import { duration, number, type Tone, tallied } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/histories';
const LIVE = '/console/events/histories';
const PER_PAGE = 20;
const RATE_MINUTES = 10;

interface Which {
  state?: 'pending' | 'dead';
  icn?: string;
}

export function historiesPage({ store, visitorOf, events, now }: PagesOptions) {
  const progress = async () => (
    <Progress
      totals={await store.console.historyTotals()}
      standing={await store.console.standing()}
      flow={await store.console.flow()}
    />
  );
  const list = async (which: Which, cursor?: number) => {
    const page = { limit: PER_PAGE, ...(cursor === undefined ? {} : { cursor }) };
    return store.console.histories(which, page);
  };
  const answer = async (which: Which, visitor: Visitor, cursor?: number) => {
    const isFirst = which.icn === undefined && which.state === undefined && cursor === undefined;
    const live = isFirst ? { live: LIVE } : {};
    return pageResponse(
      <Page title="Histories" section={PATH} visitor={visitor} {...live}>
        {await progress()}
        <Find which={which} visitor={visitor} />
        <Histories found={await list(which, cursor)} which={which} now={now()} />
      </Page>,
    );
  };
  const fragments = async (): Promise<Fragments> => ({
    progress: await progress(),
    histories: <Histories found={await list({})} which={{}} now={now()} />,
  });
  return new Elysia({ name: 'console-histories' })
    .use(consoleAccess(visitorOf))
    .get(
      PATH,
      ({ query: { state, cursor }, principal, csrfToken }) =>
        answer(
          state ? { state } : {},
          { principal, csrfToken },
          cursor === undefined ? undefined : Number(cursor),
        ),
      {
        console: 'read',
        query: t.Object({
          state: t.Optional(t.Union([t.Literal('pending'), t.Literal('dead')])),
          cursor: t.Optional(t.String({ pattern: '^[0-9]{1,15}$' })),
        }),
      },
    )
    .get(LIVE, ({ request }) => events(request, fragments), { console: 'read' })
    .post(
      PATH,
      ({ body: { icn }, principal, csrfToken }) =>
        answer(icn.trim() === '' ? {} : { icn: icn.trim() }, { principal, csrfToken }),
      {
        console: 'read',
        parse: 'urlencoded',
        body: t.Object({ csrf: t.String(), icn: t.String({ maxLength: 30 }) }),
      },
    );
}

function Progress({
  totals: { patients, listed },
  standing: { lanes },
  flow,
}: {
  totals: HistoryTotals;
  standing: Standing;
  flow: Flow;
}) {
  const fromOh = lanes.filter(({ lane }) => lane.direction === 'oh-to-mhv');
  const waiting = fromOh.reduce((sum, { pending }) => sum + pending.count, 0);
  const isMore = fromOh.some(({ pending }) => pending.isMore);
  const dead = fromOh.reduce((sum, lane) => sum + lane.dead.count, 0);
  const minutes = flow.minutes['oh-to-mhv'].slice(-RATE_MINUTES - 1, -1);
  const rate = minutes.reduce((sum, { delivered }) => sum + delivered, 0) / RATE_MINUTES;
  const done = Math.max(0, patients.asked - patients.pending.count - patients.dead.count);
  return (
    <section id="progress" class="card" aria-labelledby="progress-title">
      <h2 id="progress-title">All together</h2>
      <label class="progress">
        {number(done)} of {number(patients.asked)} patients listed
        <progress value={done} max={Math.max(1, patients.asked)} />
      </label>
      <Facts
        of={[
          ['Being listed', tallied(patients.pending)],
          ['Listing given up', tallied(patients.dead)],
          ['Messages listed', number(listed)],
          ['Waiting on the way to MHV', tallied({ count: waiting, isMore })],
          ['Given up on the way to MHV', number(dead)],
          ['Delivered a minute', rate > 0 && rate < 10 ? rate.toFixed(1) : number(rate)],
          [
            'Time left, at that rate',
            rate > 0 && waiting > 0 && !isMore && duration((waiting / rate) * 60_000),
          ],
        ]}
      />
      <p class="quiet">
        What waits and what was given up is of the feed and of histories together. The report of{' '}
        <code>bun run migrate-history</code> says what is missing, message by message.
      </p>
    </section>
  );
}

function Find({ which, visitor }: { which: Which; visitor: Visitor }) {
  const filters: [href: string, word: string, isPresent: boolean][] = [
    [PATH, 'All', which.state === undefined && which.icn === undefined],
    [`${PATH}?state=pending`, 'Being listed', which.state === 'pending'],
    [`${PATH}?state=dead`, 'Given up', which.state === 'dead'],
  ];
  return (
    <div class="find">
      <form method="post" action={PATH} class="inline" role="search">
        <Csrf visitor={visitor} />
        <label>
          ICN <input name="icn" value={which.icn} maxLength={30} autocomplete="off" />
        </label>
        <button type="submit">Find</button>
      </form>
      <ul class="tabs">
        {filters.map(([href, word, isPresent]) => (
          <li key={href}>
            <a href={href} aria-current={isPresent ? 'true' : undefined}>
              {word}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Histories({
  found: { histories, next },
  which,
  now,
}: {
  found: HistoryPage;
  which: Which;
  now: Instant;
}) {
  const state = which.state ? `state=${which.state}&` : '';
  return (
    <section id="histories" aria-label="Patients">
      {histories.length === 0 ? (
        <Empty title="No patient's history was asked for that matches.">
          MHV asks with POST /sessions when a patient first logs in; bun run migrate-history asks
          for many.
        </Empty>
      ) : (
        <Table caption="Newest request first" columns={columnsAt(now)} rows={histories} />
      )}
      {next !== undefined && (
        <a class="button" href={`${PATH}?${state}cursor=${next}`}>
          Older
        </a>
      )}
    </section>
  );
}

const statusWords: Record<HistoryView['status'], { word: string; tone: Tone }> = {
  NOT_STARTED: { word: 'Not started', tone: 'quiet' },
  IN_PROGRESS: { word: 'In progress', tone: 'info' },
  FINISHED: { word: 'Finished', tone: 'ok' },
  LISTED: { word: 'Listed', tone: 'info' },
  ERROR: { word: 'Error', tone: 'bad' },
};

function columnsAt(now: Instant): Column<HistoryView>[] {
  return [
    { title: 'ICN', of: ({ icn }) => <Id>{icn}</Id> },
    {
      title: 'Status',
      of: ({ status }) => <Badge tone={statusWords[status].tone}>{statusWords[status].word}</Badge>,
    },
    { title: 'Asked', of: ({ requestedAt }) => <Ago at={requestedAt} now={now} /> },
    { title: 'Delivered', of: (history) => <Delivered history={history} /> },
    { title: 'How far', class: 'wide', of: (history) => <HowFar history={history} now={now} /> },
  ];
}

function Delivered({ history: { listed, delivered, undelivered } }: { history: HistoryView }) {
  if (delivered === undefined) return <>of {number(listed)}; too many to look up here</>;
  if (listed === 0) return <>nothing listed</>;
  return (
    <label class="progress">
      {number(delivered)} of {number(listed)}
      {undelivered ? `, ${number(undelivered)} not delivered` : ''}
      <progress value={delivered} max={Math.max(1, listed)} />
    </label>
  );
}

function HowFar({ history, now }: { history: HistoryView; now: Instant }) {
  const { listedAt, listedUntil, dueAt, error, undelivered } = history;
  if (error) {
    return (
      <>
        <code>{error.code}</code> <span class="reason">{error.reason}</span>
        {dueAt !== undefined && (
          <>
            {' '}
            Tried again <Ago at={dueAt} now={now} />.
          </>
        )}
      </>
    );
  }
  if (listedAt !== undefined) {
    return (
      <>
        Listed <At at={listedAt} />
        {undelivered ? '; replay what was given up' : ''}
      </>
    );
  }
  if (listedUntil === undefined) return <>Not begun: who the patient is at OH comes first.</>;
  return (
    <>
      Listed up to <At at={listedUntil} />
    </>
  );
}
