/** Oracle Health's Atom feed as a mock: it pushes new messages to a webhook and serves archives. */
import { type Static, Type } from '@sinclair/typebox';
import {
  type Answer,
  controlBody,
  empty,
  json,
  type MockRequest,
  Refusal,
  readControl,
  utcSecond,
} from './answer.ts';
import { type Door, type DoorOptions, openDoor } from './door.ts';
import { atomId, type FeedEntry, feedDocument } from './feed-document.ts';
import { type Delivery, deliverOnce, enqueue, type FeedState } from './feed-push.ts';
import type { StoredMessage } from './mailbox.ts';
import { messagePath, messagingBase } from './messaging-access.ts';
import { type Route, route } from './routes.ts';
import type { World } from './world.ts';

const ARCHIVE_ENTRIES = 50;

export interface FeedOptions extends Pick<DoorOptions, 'port' | 'log'> {
  /** Webhook subscribed from the start. */
  webhookUrl?: string | undefined;
  /** Waits between tries of one push, in milliseconds; after the last it is given up. */
  waitsMs: readonly number[];
}

/** Opens the mock; from then on every announced message of the world is pushed. */
export async function openFeed(world: World, options: FeedOptions): Promise<Door> {
  const state: FeedState = {
    url: options.webhookUrl,
    secret: world.feedSecret,
    waitsMs: options.waitsMs,
    now: world.now,
    pushes: [],
    waiting: [],
    running: 0,
    stopped: new AbortController(),
  };
  world.announce = (message) => {
    const entries = [entryOf(world, message)];
    enqueue(state, { ohMessageIds: [message.id], document: pushDocument(world, entries) });
  };
  const door = await openDoor({
    port: options.port,
    ...(options.log === undefined ? {} : { log: options.log }),
    world,
    routes: archiveRoutes(world),
    controls: controlRoutes(world, state),
    messages: () => world.mailbox.announced.map((message) => entryOf(world, message)),
    reset: () => {
      state.pushes = [];
      state.waiting = [];
      state.stopped.abort();
      state.stopped = new AbortController();
    },
    maxBodyBytes: 64 * 1024 * 1024,
  });
  return {
    origin: door.origin,
    stop: async () => {
      state.stopped.abort();
      world.announce = () => undefined;
      await door.stop();
    },
  };
}

function entryOf(world: World, message: StoredMessage): FeedEntry {
  const { patientId, box, id } = message;
  const at = utcSecond(message.createdAt);
  return {
    id: atomId(id),
    title: message.subject,
    published: at,
    updated: at,
    summary: 'New message',
    inReplyTo: message.previous === undefined ? undefined : atomId(message.previous.id),
    ohPatientId: patientId,
    href: messagingBase(world) + messagePath(patientId, box, id),
  };
}

function pushDocument(world: World, entries: readonly FeedEntry[]): string {
  const self = `${world.origins.feed}/feeds/messages`;
  const last = Math.floor(world.mailbox.announced.length / ARCHIVE_ENTRIES);
  const links = { self, prevArchive: last > 0 ? `${self}/archive/${last}` : undefined };
  return feedDocument(entries, links, { updated: world.now(), archive: false });
}

/** Full pages of the past are archives, counted from 1 (the oldest); the rest is the current feed. */
function archiveRoutes(world: World): Route[] {
  return [
    route('GET', '/feeds/messages', () => {
      const { announced } = world.mailbox;
      const start = announced.length - (announced.length % ARCHIVE_ENTRIES);
      return atom(
        pushDocument(
          world,
          announced.slice(start).map((one) => entryOf(world, one)),
        ),
      );
    }),
    route('GET', '/feeds/messages/archive/:page', (request) => {
      const { announced } = world.mailbox;
      const page = Number(request.segment('page'));
      const end = page * ARCHIVE_ENTRIES;
      if (!Number.isInteger(page) || page < 1 || end > announced.length) {
        throw new Refusal(empty(404));
      }
      const messages = announced.slice(end - ARCHIVE_ENTRIES, end);
      const current = `${world.origins.feed}/feeds/messages`;
      const links = {
        self: `${current}/archive/${page}`,
        current,
        prevArchive: page > 1 ? `${current}/archive/${page - 1}` : undefined,
      };
      const updated = Math.max(...messages.map((message) => message.createdAt));
      const entries = messages.map((message) => entryOf(world, message));
      return atom(feedDocument(entries, links, { updated, archive: true }));
    }),
  ];
}

function atom(document: string): Answer {
  return { status: 200, headers: { 'content-type': 'application/atom+xml' }, body: document };
}

const entryBody = Type.Object({
  id: Type.Optional(Type.String()),
  title: Type.Optional(Type.String()),
  updated: Type.Optional(Type.String()),
  summary: Type.Optional(Type.String()),
  ohPatientId: Type.Optional(Type.String()),
  ohMessageId: Type.Optional(Type.String()),
  box: Type.Optional(Type.Union([Type.Literal('inbox'), Type.Literal('outbox')])),
  href: Type.Optional(Type.String()),
  inReplyToOhMessageId: Type.Optional(Type.String()),
});

const pushSchema = Type.Object(
  {
    url: Type.Optional(Type.String()),
    body: Type.Optional(Type.String()),
    entries: Type.Optional(Type.Array(Type.Union([Type.String(), entryBody]))),
    batch: Type.Optional(Type.Integer({ minimum: 1 })),
    contentType: Type.Optional(Type.String()),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    gzip: Type.Optional(Type.Boolean()),
    sign: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
const pushBody = controlBody(pushSchema);

const repushBody = controlBody(Type.Object({ ohMessageId: Type.String() }));
const subscribeBody = controlBody(
  Type.Object({ url: Type.String({ minLength: 1 }), verify: Type.Optional(Type.Boolean()) }),
);

function controlRoutes(world: World, state: FeedState): Route[] {
  return [
    route('POST', '/_mock/subscribe', async (request) => {
      const { url, verify } = readControl(subscribeBody, request);
      if (!URL.canParse(url)) return json(400, { error: 'url is none.' });
      if (verify === true && !(await echoesChallenge(world, url))) {
        return json(409, { error: 'The webhook did not echo the challenge.' });
      }
      state.url = url;
      return json(200, { url });
    }),
    route('DELETE', '/_mock/subscribe', () => {
      state.url = undefined;
      return empty(204);
    }),
    route('GET', '/_mock/pushes', () => json(200, state.pushes)),
    route('POST', '/_mock/push', (request) => pushNow(world, state, request)),
    route('POST', '/_mock/repush', async (request) => {
      const { ohMessageId } = readControl(repushBody, request);
      const message = world.mailbox.byId.get(ohMessageId);
      if (message === undefined) return json(404, { error: 'No such message.' });
      const document = pushDocument(world, [entryOf(world, message)]);
      return json(200, await deliverOnce(state, { ohMessageIds: [ohMessageId], document }));
    }),
  ];
}

/** WebSub §5.3: the subscriber echoes the challenge with 2xx. */
async function echoesChallenge(world: World, url: string): Promise<boolean> {
  const challenge = Bun.randomUUIDv7();
  const wanted = new URL(url);
  wanted.searchParams.set('hub.mode', 'subscribe');
  wanted.searchParams.set('hub.topic', `${world.origins.feed}/feeds/messages`);
  wanted.searchParams.set('hub.challenge', challenge);
  wanted.searchParams.set('hub.lease_seconds', '86400');
  const answer = await fetch(wanted, { redirect: 'manual' }).catch(() => undefined);
  return answer?.ok === true && (await answer.text()) === challenge;
}

/** Pushes once, without retries; several documents when `batch` is smaller than the entries. */
async function pushNow(world: World, state: FeedState, request: MockRequest): Promise<Answer> {
  const wish = readControl(pushBody, request);
  const answers: { status: number; body: string }[] = [];
  for (const delivery of deliveriesOf(world, wish)) {
    answers.push(await deliverOnce(state, { ...wish, ...delivery }));
  }
  const last = answers.at(-1) ?? { status: 0, body: '' };
  return json(200, answers.length > 1 ? { ...last, answers } : last);
}

function deliveriesOf(world: World, wish: Static<typeof pushSchema>): Delivery[] {
  if (wish.body !== undefined) return [{ ohMessageIds: [], document: wish.body }];
  const entries = (wish.entries ?? []).map((entry) => pushedEntry(world, entry));
  const size = wish.batch ?? Math.max(1, entries.length);
  const deliveries: Delivery[] = [];
  for (let start = 0; start === 0 || start < entries.length; start += size) {
    const part = entries.slice(start, start + size);
    const ohMessageIds = part.map((entry) => entry.id.slice(atomId('').length));
    deliveries.push({ ohMessageIds, document: pushDocument(world, part) });
  }
  return deliveries;
}

/** An entry of a stored message, or one made up from what was given. */
function pushedEntry(world: World, wish: string | Static<typeof entryBody>): FeedEntry {
  const given = typeof wish === 'string' ? { ohMessageId: wish } : wish;
  const { ohMessageId = '0:-6:0:0', inReplyToOhMessageId, box = 'inbox', ...shown } = given;
  const message = world.mailbox.byId.get(ohMessageId);
  if (message === undefined && typeof wish === 'string') {
    throw new Refusal(json(404, { error: 'No such message.' }));
  }
  const patientId = given.ohPatientId;
  const known = message && entryOf(world, message);
  const href = patientId && messagingBase(world) + messagePath(patientId, box, ohMessageId);
  const madeUp = { id: atomId(ohMessageId), title: 'New message', updated: utcSecond(world.now()) };
  return {
    ...madeUp,
    ...(href === undefined ? {} : { href }),
    ...known,
    ...(inReplyToOhMessageId === undefined ? {} : { inReplyTo: atomId(inReplyToOhMessageId) }),
    ...shown,
  };
}
