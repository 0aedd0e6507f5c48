/** `GET /console/destinations`: whether they take messages, and a person's pause and resume. */
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../../../errors.ts';
import type { Direction, Instant } from '../../../message.ts';
import { actorOf } from '../../../principal.ts';
import type { DestinationView } from '../../../queue/engine.ts';
import type { Fragments } from '../events.ts';
import { Page, pageResponse, seeOther } from '../page.tsx';
import { Act, Ago, At, Badge, Facts } from '../parts.tsx';
import { consoleAccess, type Visitor } from '../visitor.ts';
import { DIRECTIONS, directionWords, number, plural } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/destinations';
const LIVE = '/console/events/destinations';
const csrfOnly = t.Object({ csrf: t.String() });

export function destinationsPage({ destinations, visitorOf, events, now }: PagesOptions) {
  const view = async (name: string) => {
    const destination = DIRECTIONS.find((one) => one === name);
    const found = (await destinations.list()).find((one) => one.destination === destination);
    if (!found) throw new ExchangeError('not-found', 'There is no such destination.');
    return found;
  };
  const fragments = async (visitor: Visitor): Promise<Fragments> =>
    Object.fromEntries(
      (await destinations.list()).map((one) => [
        idOf(one.destination),
        <DestinationCard key={one.destination} view={one} now={now()} visitor={visitor} />,
      ]),
    );
  return new Elysia({ name: 'console-destinations' })
    .use(consoleAccess(visitorOf))
    .get(
      PATH,
      async ({ principal, csrfToken }) => {
        const visitor = { principal, csrfToken };
        return pageResponse(
          <Page title="Destinations" section={PATH} live={LIVE} visitor={visitor}>
            {Object.values(await fragments(visitor))}
          </Page>,
        );
      },
      { console: 'read' },
    )
    .get(LIVE, ({ request }) => events(request, fragments), { console: 'read' })
    .get(
      `${PATH}/:destination/pause`,
      async ({ params, principal, csrfToken }) =>
        pageResponse(
          <PausePage view={await view(params.destination)} visitor={{ principal, csrfToken }} />,
        ),
      { console: 'operate' },
    )
    .post(
      `${PATH}/:destination/pause`,
      async ({ params, principal }) => {
        const { destination } = await view(params.destination);
        await destinations.pause(destination, actorOf(principal));
        return seeOther(PATH);
      },
      { console: 'operate', parse: 'urlencoded', body: csrfOnly },
    )
    .post(
      `${PATH}/:destination/resume`,
      async ({ params, principal }) => {
        const { destination } = await view(params.destination);
        await destinations.resume(destination, actorOf(principal));
        return seeOther(PATH);
      },
      { console: 'operate', parse: 'urlencoded', body: csrfOnly },
    );
}

const states = {
  failing: { word: 'Failing', tone: 'warn' },
  closed: { word: 'Takes messages', tone: 'ok' },
  open: { word: 'Breaker open', tone: 'bad' },
  'half-open': { word: 'Being tried', tone: 'warn' },
  paused: { word: 'Paused', tone: 'warn' },
} as const;

type Standing = Pick<DestinationView, 'state' | 'failuresInARow'>;

/** Whether messages go there. */
export function DestinationBadge({ view }: { view: Standing }) {
  const { word, tone } = states[standingOf(view)];
  return <Badge tone={tone}>{word}</Badge>;
}

/** Whether look-ups are answered: what is looked up takes no messages. */
function LookUpBadge({ view }: { view: Standing }) {
  const { word, tone } = states[standingOf(view)];
  return <Badge tone={tone}>{view.state === 'closed' && tone === 'ok' ? 'Answers' : word}</Badge>;
}

function standingOf({ state, failuresInARow }: Standing): keyof typeof states {
  return state === 'closed' && failuresInARow > 0 ? 'failing' : state;
}

function DestinationCard({
  view,
  now,
  visitor,
}: {
  view: DestinationView;
  now: Instant;
  visitor: Visitor;
}) {
  const { destination, state, ratePerSecond, translation } = view;
  const { title, to } = directionWords[destination];
  const path = `${PATH}/${destination}`;
  const isOpen = state === 'open' || translation.state === 'open';
  return (
    <section id={idOf(destination)} class="card" aria-labelledby={`${idOf(destination)}-title`}>
      <div class="card-head">
        <div>
          <h2 id={`${idOf(destination)}-title`}>{to}</h2>
          <p class="quiet">{title}</p>
        </div>
        <DestinationBadge view={view} />
      </div>
      <p>
        <Words view={view} now={now} />
      </p>
      <Facts of={[...breakerFacts(view), ['Rate', ratePerSecond && `${ratePerSecond} a second`]]} />
      <div class="card-head">
        <h3>Look-ups at Oracle Health before it</h3>
        <LookUpBadge view={translation} />
      </div>
      <p>
        <Words view={translation} now={now} />
      </p>
      <Facts of={breakerFacts(translation)} />
      <div class="acts">
        {(state === 'paused' || isOpen) && (
          <Act visitor={visitor} action={`${path}/resume`}>
            <button type="submit" class="main">
              {state === 'paused' ? `Resume ${to}` : 'Try now'}
            </button>
          </Act>
        )}
        {state !== 'paused' && (
          <a class="button" href={`${path}/pause`}>
            Pause {to} …
          </a>
        )}
      </div>
    </section>
  );
}

type Breaker = Omit<DestinationView['translation'], 'state'>;

function breakerFacts({ failuresInARow, code, inHand }: Breaker): [string, string | undefined][] {
  return [
    ['In hand now', number(inHand)],
    ['Failures in a row', number(failuresInARow)],
    ['Latest failure', code],
  ];
}

function Words({
  view,
  now,
}: {
  view: Breaker & { state: DestinationView['state']; pausedBy?: string; pausedAt?: Instant };
  now: Instant;
}) {
  const { state, failuresInARow, openUntil, pausedBy, pausedAt } = view;
  switch (state) {
    case 'closed':
      return failuresInARow === 0 ? (
        <>All is well: what is due goes.</>
      ) : (
        <>
          The latest {plural(failuresInARow, 'attempt')} failed. What is due still goes, until
          BREAKER_FAILURES in a row open the breaker.
        </>
      );
    case 'paused':
      return (
        <>
          Paused by {pausedBy}
          {pausedAt !== undefined && (
            <>
              {' '}
              since <At at={pausedAt} /> UTC
            </>
          )}
          . Messages are accepted and translated, and wait until somebody resumes it.
        </>
      );
    case 'open':
      return (
        <>
          It has failed too often, so nothing is sent and no attempt is spent.{' '}
          {openUntil !== undefined && (
            <>
              One message tries again <Ago at={openUntil} now={now} />.
            </>
          )}
        </>
      );
    case 'half-open':
      return <>One message goes to try whether it is back; the others wait for that.</>;
  }
}

function PausePage({
  view: { destination, state },
  visitor,
}: {
  view: DestinationView;
  visitor: Visitor;
}) {
  const { to, from } = directionWords[destination];
  return (
    <Page title={`Pause ${to}?`} section={PATH} visitor={visitor}>
      <p>
        Nothing more is sent to {to} until somebody resumes it, restarts of the exchange included.
        What comes from {from} is still accepted, translated and kept in order; what is in hand at
        this moment is finished. No attempts are spent meanwhile, but a message older than
        MAX_AGE_HOURS is given up when it fails the next time.
      </p>
      {state === 'paused' && <p>It is paused already.</p>}
      <Act visitor={visitor} action={`${PATH}/${destination}/pause`}>
        <button type="submit" class="danger">
          Pause {to}
        </button>{' '}
        <a class="button" href={PATH}>
          Leave it
        </a>
      </Act>
    </Page>
  );
}

function idOf(destination: Direction): string {
  return `destination-${destination}`;
}
