import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { entryXml, feedXml, type Site, setup } from './setup.ts';

const BROKEN = '<feed xmlns="http://www.w3.org/2005/Atom"><entry></feed>';
const MOVED = 'http://moved.invalid';
const withoutDate = (n: number) => entryXml(n).replace(/<updated>.*<\/updated>/, '');

interface Listed {
  documents: { id: string; scope: string; faultCount: number }[];
  next?: string;
}

async function list(site: Site, query = ''): Promise<Listed> {
  return (await (await fetch(`${site.url}/quarantine${query}`)).json()) as Listed;
}

async function view(site: Site, id: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${site.url}/quarantine/${id}`)).json()) as Record<string, unknown>;
}

/** The one document that this push left in quarantine. */
async function quarantined(site: Site, document: string): Promise<string> {
  await site.push(document);
  return (await list(site)).documents[0]?.id ?? '';
}

function replay(
  site: Site,
  id: string,
  body?: string,
  contentType = 'application/json',
  query = '',
) {
  return fetch(`${site.url}/quarantine/${id}/replay${query}`, {
    method: 'POST',
    ...(body === undefined ? {} : { body, headers: { 'Content-Type': contentType } }),
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The same file under another configuration. */
function moved(site: Site): Site {
  const messagingBaseUrl = `${MOVED}/service`;
  return setup({}, 1000, {
    store: site.store,
    extraction: { messagingBaseUrl, authority: 'demo' },
  });
}

test('documents are listed newest first by cursor, and each shows what is wrong with it', async () => {
  const site = setup();
  await site.push(feedXml(entryXml(1), withoutDate(2)));
  await site.push(BROKEN);
  const first = await list(site, '?limit=1');
  expect(first.documents).toMatchObject([{ scope: 'document', faultCount: 1 }]);
  const second = await list(site, `?limit=1&cursor=${first.next}`);
  expect(second.documents).toMatchObject([{ scope: 'entries', faultCount: 1 }]);
  expect(second.next).toBeUndefined();
  expect(await view(site, first.documents[0]?.id ?? '')).toMatchObject({
    sha256: sha256(BROKEN),
    sizeBytes: BROKEN.length,
    pushes: 1,
    faults: [{ line: 1, column: 50 }],
  });
  expect((await fetch(`${site.url}/quarantine?limit=0`)).status).toBe(422);
});

test('the body is what was pushed, byte for byte, and no browser will show it', async () => {
  const site = setup();
  const id = await quarantined(site, BROKEN);
  const response = await fetch(`${site.url}/quarantine/${id}/body`);
  expect(await response.text()).toBe(BROKEN);
  expect(response.headers.get('content-type')).toBe('application/octet-stream');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
});

test('what is not in quarantine is 404', async () => {
  const site = setup();
  for (const path of ['/quarantine/nope', '/quarantine/nope/body']) {
    expect((await fetch(site.url + path)).status).toBe(404);
  }
  expect((await replay(site, 'nope')).status).toBe(404);
  expect((await replay(site, 'nope', BROKEN, 'application/atom+xml')).status).toBe(404);
});

test('a document that is still malformed stays, with a word of the try', async () => {
  const site = setup();
  const id = await quarantined(site, BROKEN);
  const response = await replay(site, id, '{"actor":"ann"}');
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ line: 1, column: 50 });
  expect(await view(site, id)).toMatchObject({
    scope: 'document',
    replayedAt: expect.any(String),
    replay: { actor: 'ann', accepted: 0, rejected: 1, faults: [{ line: 1 }] },
  });
});

test('entries that can still not be taken are named', async () => {
  const site = setup();
  const id = await quarantined(site, feedXml(withoutDate(2)));
  const response = await replay(site, id);
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ errors: [{ pointer: 'feed/entry[1]' }] });
});

test('after a change of configuration the original bytes are read again, each entry once', async () => {
  const site = setup();
  const at = (n: number) =>
    entryXml(n, {
      href: `${MOVED}/service/demo/patients/1000001/inbox/messages/${n}%3A-6%3A0%3A0`,
    });
  const id = await quarantined(site, feedXml(at(1), at(2), withoutDate(3)));
  expect(site.query('SELECT id FROM inbox')).toEqual([]);
  const after = moved(site);
  await after.push(at(1));
  const response = await replay(after, id, '{}');
  expect(response.status).toBe(202);
  const result = { accepted: 1, duplicates: 1, rejected: 1 };
  expect(await response.json()).toEqual(result);
  expect(await view(site, id)).toMatchObject({ replay: { ...result, actor: 'api' } });
  expect(site.query('SELECT oh_message_id FROM inbox ORDER BY seq')).toEqual([
    { oh_message_id: '1:-6:0:0' },
    { oh_message_id: '2:-6:0:0' },
  ]);
});

test('an edited copy is taken in, kept beside the original, and never replaces it', async () => {
  const site = setup();
  const id = await quarantined(site, BROKEN);
  const edited = feedXml(entryXml(1));
  const atom = 'application/atom+xml; charset=utf-8';
  const response = await replay(site, id, edited, atom, '?actor=ann');
  expect(await response.json()).toEqual({ accepted: 1, duplicates: 0, rejected: 0 });
  const again = await replay(site, id, edited, atom);
  expect(await again.json()).toEqual({ accepted: 0, duplicates: 1, rejected: 0 });
  expect(await (await fetch(`${site.url}/quarantine/${id}/body`)).text()).toBe(BROKEN);
  expect(await view(site, id)).toMatchObject({ replay: { editedSha256: sha256(edited) } });
  const { documents } = await list(site);
  expect(documents).toHaveLength(2);
  const copy = documents.find((one) => one.id !== id);
  expect(await view(site, copy?.id ?? '')).toMatchObject({
    sha256: sha256(edited),
    faults: [],
    replay: { editedSha256: sha256(edited) },
  });
  expect(site.query('SELECT oh_message_id FROM inbox')).toHaveLength(1);
});

test('an edited copy that is no better is refused and not kept', async () => {
  const site = setup();
  const id = await quarantined(site, BROKEN);
  expect((await replay(site, id, '<rss/>', 'application/atom+xml')).status).toBe(400);
  expect((await list(site)).documents).toHaveLength(1);
  expect(await view(site, id)).toMatchObject({ replay: { editedSha256: sha256('<rss/>') } });
});

test.each([
  [400, '{"actor"', 'application/json', ''],
  [422, '{"who":"ann"}', 'application/json', ''],
  [422, '[]', 'application/json', ''],
  [422, '{}', 'application/json', '?who=ann'],
  [415, 'x', 'text/plain', ''],
  [413, 'x'.repeat(5 * 1024 * 1024 + 1), 'application/atom+xml', ''],
])('%d for a replay that is asked for badly', async (status, body, contentType, query) => {
  const site = setup();
  const id = await quarantined(site, BROKEN);
  expect((await replay(site, id, body, contentType, query)).status).toBe(status);
});
