/** `/console/system`: the process, the file and the disk. */
import { Elysia } from 'elysia';
import { ExchangeError } from '../../../errors.ts';
import type { Instant } from '../../../message.ts';
import type { Standing } from '../../../store/console.ts';
import type { Fragments } from '../events.ts';
import { Page, pageResponse } from '../page.tsx';
import { Ago, Badge, Facts, Id } from '../parts.tsx';
import { consoleAccess } from '../visitor.ts';
import { bytes, directionWords, tallied } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/system';
const LIVE = '/console/events/system';

interface Gathered {
  standing: Standing;
  polledBy: 'here' | 'elsewhere' | 'nowhere';
  /** Why nothing is accepted; absent: it is. */
  refusal: string | undefined;
  /** Ids of the keys, the one that seals first. */
  keys: string[];
  /** Ids of the keys that the file needs. */
  needed: string[];
  now: Instant;
}

export function systemPage({ store, visitorOf, events, now }: PagesOptions) {
  const gather = async (): Promise<Gathered> => ({
    standing: await store.console.standing(),
    polledBy: await store.upkeep.polledBy(),
    refusal: await refusalOf(store),
    keys: store.keys.ids,
    needed: await store.keys.needed(),
    now: now(),
  });
  return new Elysia({ name: 'console-system' })
    .use(consoleAccess(visitorOf))
    .get(
      PATH,
      async ({ principal, csrfToken }) =>
        pageResponse(
          <Page title="System" section={PATH} live={LIVE} visitor={{ principal, csrfToken }}>
            {Object.values(fragmentsOf(await gather()))}
          </Page>,
        ),
      { console: 'read' },
    )
    .get(LIVE, ({ request }) => events(request, async () => fragmentsOf(await gather())), {
      console: 'read',
    });
}

/** The same question as `GET /health/ready`. */
async function refusalOf(store: PagesOptions['store']): Promise<string | undefined> {
  try {
    await store.check();
    return undefined;
  } catch (error) {
    return error instanceof ExchangeError ? error.message : 'The database cannot be written.';
  }
}

function fragmentsOf(gathered: Gathered): Fragments {
  return {
    accepting: <Accepting {...gathered} />,
    polling: <Polling {...gathered} />,
    file: <File {...gathered} />,
    sealing: <Sealing {...gathered} />,
    queues: <Queues {...gathered} />,
  };
}

function Accepting({ refusal }: Gathered) {
  return (
    <section id="accepting" class="card" aria-labelledby="accepting-title">
      <div class="card-head">
        <h2 id="accepting-title">Accepting</h2>
        {refusal === undefined ? <Badge tone="ok">Ready</Badge> : <Badge tone="bad">Refuses</Badge>}
      </div>
      <p>
        {refusal ?? 'The database can be written, and neither the backlog nor the disk is full.'}
      </p>
    </section>
  );
}

const polledByWords = {
  here: { word: 'Here', tone: 'ok', means: 'This process delivers.' },
  elsewhere: {
    word: 'Elsewhere',
    tone: 'info',
    means:
      'Another process on the same file delivers; this one accepts and waits to take over. The breakers that you see are those of this process.',
  },
  nowhere: {
    word: 'Nowhere',
    tone: 'bad',
    means:
      'No process has polled the file for ten seconds: messages are accepted and wait. Start one.',
  },
} as const;

function Polling({ polledBy, standing: { poller }, now }: Gathered) {
  const { word, tone, means } = polledByWords[polledBy];
  return (
    <section id="polling" class="card" aria-labelledby="polling-title">
      <div class="card-head">
        <h2 id="polling-title">Delivering</h2>
        <Badge tone={tone}>{word}</Badge>
      </div>
      <p>{means}</p>
      <Facts
        of={[
          ['Holder of the lock', poller && <Id>{poller.owner}</Id>],
          ['Last heartbeat', poller && <Ago at={poller.heartbeatAt} now={now} />],
        ]}
      />
    </section>
  );
}

function File({ standing }: Gathered) {
  const { databaseBytes, walBytes, walMaxBytes, freeDiskBytes } = standing;
  return (
    <section id="file" class="card" aria-labelledby="file-title">
      <h2 id="file-title">File and disk</h2>
      <Facts
        of={[
          ['Database', bytes(databaseBytes)],
          ['Write-ahead log', `${bytes(walBytes)}, held to ${bytes(walMaxBytes)}`],
          ['Left on the disk', bytes(freeDiskBytes)],
        ]}
      />
      {walBytes > walMaxBytes && (
        <p class="notice warn">
          The log is longer than it should be: somebody reads the file for long, such as a backup.
        </p>
      )}
    </section>
  );
}

function Sealing({ keys: [first, ...others], needed }: Gathered) {
  const old = needed.filter((id) => id !== first);
  return (
    <section id="sealing" class="card" aria-labelledby="sealing-title">
      <div class="card-head">
        <h2 id="sealing-title">Sealing</h2>
        {first ? <Badge tone="ok">On</Badge> : <Badge tone="warn">Off</Badge>}
      </div>
      {first === undefined && (
        <p>What people wrote lies in the file in the clear. Set DATA_KEYS, then run rekey.</p>
      )}
      <Facts
        of={[
          ['Seals', first && <Id>{first}</Id>],
          ['Open too', others.length > 0 && <Id>{others.join(', ')}</Id>],
          ['Needed until rekey', old.length > 0 && <Id>{old.join(', ')}</Id>],
        ]}
      />
    </section>
  );
}

function Queues({ standing: { lanes }, now }: Gathered) {
  return (
    <section id="queues" class="card" aria-labelledby="queues-title">
      <h2 id="queues-title">Queues</h2>
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">Queue</th>
            <th scope="col" class="number">
              Waiting
            </th>
            <th scope="col">Oldest</th>
            <th scope="col" class="number">
              Given up
            </th>
          </tr>
        </thead>
        <tbody>
          {lanes.map(({ lane: { stage, direction }, pending, dead, oldestAt }) => (
            <tr key={`${stage} ${direction}`}>
              <th scope="row" data-title="Queue">
                {directionWords[direction].title}, {stage}
              </th>
              <td data-title="Waiting" class="number">
                {tallied(pending)}
              </td>
              <td data-title="Oldest">
                {oldestAt === undefined ? 'none' : <Ago at={oldestAt} now={now} />}
              </td>
              <td data-title="Given up" class="number">
                {tallied(dead)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
