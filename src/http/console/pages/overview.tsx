/** `GET /console`: what needs a person now, and how it flows both ways. */
import { Elysia } from 'elysia';
import type { ComponentChildren } from 'preact';
import type { Direction, Instant } from '../../../message.ts';
import type { DestinationView } from '../../../queue/engine.ts';
import type { Flow, Standing } from '../../../store/console.ts';
import { type Concern, concernsOf } from '../attention.ts';
import { BarList, FlowChart, FlowLegend } from '../charts.tsx';
import type { Fragments } from '../events.ts';
import { Page, pageResponse } from '../page.tsx';
import { Badge } from '../parts.tsx';
import { consoleAccess } from '../visitor.ts';
import { directionWords, duration, number, tallied } from '../words.ts';
import { DestinationBadge } from './destinations.tsx';
import type { PagesOptions } from './options.ts';

interface Gathered {
  standing: Standing;
  flow: Flow;
  destinations: DestinationView[];
  now: Instant;
}

const LIVE = '/console/events/overview';
/** Several who look at once share one reading. */
const KEEP_MS = 1000;

export function overviewPage(options: PagesOptions) {
  const { store, destinations, visitorOf, events, now } = options;
  const isExposed = () => !options.isOpen && store.keys.ids.length === 0;
  let latest: { at: Instant; gathered: Promise<Gathered> } | undefined;
  const gather = (): Promise<Gathered> => {
    const at = now();
    if (!latest || Math.abs(at - latest.at) >= KEEP_MS) {
      const gathered = Promise.all([
        store.console.standing(),
        store.console.flow(),
        destinations.list(),
      ]).then(([standing, flow, list]) => ({ standing, flow, destinations: list, now: at }));
      latest = { at, gathered };
    }
    return latest.gathered;
  };
  return new Elysia({ name: 'console-overview' })
    .use(consoleAccess(visitorOf))
    .get(
      '/console',
      async ({ principal, csrfToken }) =>
        pageResponse(
          <Page title="Overview" section="/console" live={LIVE} visitor={{ principal, csrfToken }}>
            {Object.values(fragmentsOf(await gather(), isExposed()))}
          </Page>,
        ),
      { console: 'read' },
    )
    .get(
      LIVE,
      ({ request }) => events(request, async () => fragmentsOf(await gather(), isExposed())),
      {
        console: 'read',
      },
    );
}

function fragmentsOf(gathered: Gathered, isExposed: boolean): Fragments {
  const { standing, destinations, now } = gathered;
  return {
    concerns: <Concerns concerns={concernsOf(standing, destinations, isExposed, now)} />,
    'way-oh-to-mhv': <WayCard direction="oh-to-mhv" {...gathered} />,
    'way-mhv-to-oh': <WayCard direction="mhv-to-oh" {...gathered} />,
    errors: <Errors standing={standing} />,
  };
}

function Concerns({ concerns }: { concerns: Concern[] }) {
  return (
    <section id="concerns" aria-labelledby="concerns-title">
      <h2 id="concerns-title">What needs a person</h2>
      {concerns.length === 0 ? (
        <p class="notice ok">Nothing needs a person now.</p>
      ) : (
        <ul class="concerns">
          {concerns.map(({ tone, what, advice, runbook, href }) => (
            <li key={what} class={tone}>
              <a href={href}>{what}</a>
              <span>{advice}</span>
              {runbook !== undefined && (
                <span class="runbook">
                  Runbook: <code>{runbook}</code>
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function WayCard({
  direction,
  standing,
  flow,
  destinations,
  now,
}: Gathered & { direction: Direction }) {
  const { title, from, to } = directionWords[direction];
  const destination = destinations.find((one) => one.destination === direction);
  return (
    <section id={`way-${direction}`} class="card" aria-labelledby={`way-${direction}-title`}>
      <div class="card-head">
        <div>
          <h2 id={`way-${direction}-title`}>{title}</h2>
          <p class="quiet">
            from {from} to {to}
          </p>
        </div>
        {destination && <DestinationBadge view={destination} />}
      </div>
      <Tiles {...{ direction, standing, flow, now }} />
      <FlowLegend />
      <FlowChart
        id={`minutes-${direction}`}
        title="Last hour, by minute"
        unit="minute"
        buckets={flow.minutes[direction]}
        countedSince={flow.countedSince}
      />
      <FlowChart
        id={`hours-${direction}`}
        title="Last day, by hour"
        unit="hour"
        buckets={flow.hours[direction]}
        countedSince={flow.countedSince}
      />
      <BarList title="What waits, by age" bars={agesOf(standing.ages[direction])} />
    </section>
  );
}

const AGE_WORDS = ['under 1 min', '1 to 10 min', '10 to 60 min', '1 to 24 h', 'over a day'];

function agesOf(ages: number[]): [string, number][] {
  return AGE_WORDS.map((word, index) => [word, ages[index] ?? 0]);
}

const RATE_MINUTES = 10;

function Tiles({
  direction,
  standing,
  flow,
  now,
}: Omit<Gathered, 'destinations'> & { direction: Direction }) {
  const [inbox, outbox] = (['inbox', 'outbox'] as const).map((stage) =>
    standing.lanes.find(({ lane }) => lane.stage === stage && lane.direction === direction),
  );
  if (!inbox || !outbox) return null;
  const oldest = [inbox.oldestAt, outbox.oldestAt].filter((at) => at !== undefined);
  const dead = inbox.dead.count + outbox.dead.count;
  const over = flow.minutes[direction].slice(-RATE_MINUTES - 1, -1);
  const rate = over.reduce((sum, { delivered }) => sum + delivered, 0) / RATE_MINUTES;
  const isMore = inbox.dead.isMore || outbox.dead.isMore;
  return (
    <dl class="tiles">
      <Tile title="Delivered" note="a minute, of the last ten">
        {rate > 0 && rate < 10 ? rate.toFixed(1) : number(rate)}
      </Tile>
      <Tile title="To translate" note="accepted, in the inbox">
        {tallied(inbox.pending)}
      </Tile>
      <Tile title="To deliver" note="translated, in the outbox">
        {tallied(outbox.pending)}
      </Tile>
      <Tile title="Oldest waits">
        {oldest.length > 0 ? duration(now - Math.min(...oldest)) : 'none'}
      </Tile>
      <Tile title="In doubt" note="asked for first">
        {tallied(standing.inDoubt[direction])}
      </Tile>
      <Tile title="Given up" isBad={dead > 0}>
        {tallied({ count: dead, isMore })}
      </Tile>
    </dl>
  );
}

function Tile({
  title,
  note,
  isBad = false,
  children,
}: {
  title: string;
  note?: string;
  isBad?: boolean;
  children: ComponentChildren;
}) {
  return (
    <div class={isBad ? 'bad' : undefined}>
      <dt>{title}</dt>
      <dd>
        {children}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function Errors({ standing: { errors } }: { standing: Standing }) {
  return (
    <section id="errors" class="card" aria-labelledby="errors-title">
      <h2 id="errors-title">What stands in the way</h2>
      {errors.length === 0 ? (
        <p class="quiet">No message that waits or was given up has met an error.</p>
      ) : (
        <ul class="errors">
          {errors.map(({ code, direction, messages }) => (
            <li key={`${code} ${direction}`}>
              <a
                href={`/console/messages?errorCode=${encodeURIComponent(code)}&direction=${direction}`}
              >
                <code>{code}</code>
              </a>{' '}
              <span class="quiet">{directionWords[direction].title}</span>{' '}
              <Badge tone="quiet">{tallied(messages)}</Badge>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
