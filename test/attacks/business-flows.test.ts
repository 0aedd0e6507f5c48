/** API6:2023 Unrestricted Access to Sensitive Business Flows: the same thing over and over. */
import { expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { FEED_TOKEN, type Fort, fort, letter, tokenOf } from './setup.ts';

const ATOM = { 'Content-Type': 'application/atom+xml' };

function entry({ mocks, patient }: Fort, n: number, href?: string): string {
  const id = `${3000000000 + n}:-6:0:0`;
  const link = `/demo/patients/${patient(1).ohPatientId}/inbox/messages/${encodeURIComponent(id)}`;
  const base = mocks.env['OH_MESSAGING_BASE_URL'] ?? '';
  return `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:zztest:${n}</id><title>t</title>
<updated>2025-10-08T14:15:40Z</updated><link rel="alternate" href="${href ?? base + link}"/></entry>`;
}

const countOf = async ({ exchange }: Fort) =>
  (await exchange.store.list({}, { limit: 200 })).messages.length;

test('a send that is repeated a hundred times at once under its key is one message', async () => {
  const site = await fort();
  const headers = { 'Idempotency-Key': 'zztest-1' };
  const json = letter(site.patient(1).icn);
  const answers = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const answer = await site.ask('POST', '/messages', { as: tokenOf('send'), headers, json });
      return `${answer.status} ${await answer.text()}`;
    }),
  );
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toStartWith('202 ');
  expect(await countOf(site)).toBe(1);
  await site.drain();
  const stored = await fetch(`${site.mocks.origins.messaging}/_mock/messages`);
  const { ohPatientId } = site.patient(1);
  const sent = ((await stored.json()) as { patientId: string; text: string }[]).filter(
    ({ patientId, text }) => patientId === ohPatientId && text.includes('May I have a refill?'),
  );
  expect(sent.length).toBe(1);
});

test('a key does not let another patient’s message take the place of the first', async () => {
  const site = await fort();
  const headers = { 'Idempotency-Key': 'zztest-1' };
  const as = tokenOf('send');
  const first = await site.ask('POST', '/messages', {
    as,
    headers,
    json: letter(site.patient(1).icn),
  });
  const { id } = (await first.json()) as { id: string };
  for (const changes of [
    { icn: site.patient(2).icn },
    { body: 'Other.' },
    { receivingPoolId: '1' },
  ]) {
    const json = letter(site.patient(1).icn, changes);
    const answer = await site.ask('POST', '/messages', { as, headers, json });
    expect(answer.status).toBe(422);
    expect(await answer.text()).not.toContain(id);
  }
  expect(await countOf(site)).toBe(1);
});

test.each(['', 'x'.repeat(256)])('the key %p is none', async (key) => {
  const site = await fort();
  const json = letter(site.patient(1).icn);
  const headers = { 'Idempotency-Key': key };
  const { status } = await site.ask('POST', '/messages', { as: tokenOf('send'), headers, json });
  expect(status).toBe(422);
  expect(await countOf(site)).toBe(0);
});

test('a push that is recorded and played again adds nothing, however often', async () => {
  const secret = 'zztest-secret-of-the-feed';
  const site = await fort({ FEED_SECRET: secret });
  const body = entry(site, 1);
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = { ...ATOM, 'X-Hub-Signature': `sha256=${signature}` };
  const answers: unknown[] = [];
  for (let n = 0; n < 50; n += 1) {
    answers.push(await (await site.ask('POST', '/oh/feed', { headers, body })).json());
  }
  expect(answers[0]).toEqual({ accepted: 1, duplicates: 0, rejected: 0 });
  expect(new Set(answers.slice(1).map((answer) => JSON.stringify(answer)))).toEqual(
    new Set(['{"accepted":0,"duplicates":1,"rejected":0}']),
  );
  expect(await countOf(site)).toBe(1);
});

test('a push of Standard Webhooks that is older than five minutes is nobody’s', async () => {
  const secret = 'zztest-secret-of-the-feed';
  const site = await fort({ FEED_SECRET: secret });
  const body = entry(site, 1);
  const push = (at: number) => {
    const timestamp = String(Math.floor(at / 1000));
    const signed = createHmac('sha256', secret).update(`m1.${timestamp}.${body}`).digest('base64');
    const headers = {
      ...ATOM,
      'webhook-id': 'm1',
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signed}`,
    };
    return site.ask('POST', '/oh/feed', { headers, body });
  };
  const recordedAt = site.clock.now;
  expect((await push(recordedAt)).status).toBe(202);
  site.clock.now += 5 * 60_000 + 1000;
  expect((await push(recordedAt)).status).toBe(401);
  expect((await push(site.clock.now + 6 * 60_000)).status).toBe(401);
});

test.each([
  ['of other bytes', (body: string) => createHmac('sha256', 'zztest-secret').update(`${body} `)],
  ['by another key', (body: string) => createHmac('sha256', 'zztest-secre').update(body)],
  ['by no key', (body: string) => createHmac('sha256', '').update(body)],
])('a push with a signature %s is not kept, not even in quarantine', async (_what, sign) => {
  const site = await fort({ FEED_SECRET: 'zztest-secret' });
  for (const body of [entry(site, 1), 'no atom at all']) {
    const hex = sign(body).digest('hex');
    for (const signature of [
      `sha256=${hex}`,
      `sha1=${hex}`,
      hex,
      `sha256=${hex.slice(0, 2)}`,
      'sha256=',
    ]) {
      const headers = { ...ATOM, 'X-Hub-Signature': signature };
      const { status } = await site.ask('POST', '/oh/feed', { as: FEED_TOKEN, headers, body });
      expect(status).toBe(401);
    }
  }
  expect(await countOf(site)).toBe(0);
  const kept = await site.exchange.store.operator.listQuarantined({ limit: 1 });
  expect(kept.documents).toEqual([]);
});

test('a thousand histories asked for at once are bounded by what the caller may ask', async () => {
  const site = await fort({ API_REQUESTS_PER_MINUTE: '50' });
  const statuses = await Promise.all(
    Array.from({ length: 1000 }, async (_, n) => {
      const json = { icn: `${1_100_000_000 + n}V123456` };
      return (await site.ask('POST', '/sessions', { as: tokenOf('send'), json })).status;
    }),
  );
  expect(statuses.filter((status) => status === 429).length).toBe(950);
  expect(statuses.filter((status) => status === 202).length).toBe(50);
});

test('the history of one patient is listed once, however often they log in', async () => {
  const site = await fort();
  const { icn } = site.patient(1);
  await Promise.all(
    Array.from({ length: 50 }, () =>
      site.ask('POST', '/sessions', { as: tokenOf('send'), json: { icn } }),
    ),
  );
  await site.drain();
  const asked = await fetch(`${site.mocks.origins.fhir}/_mock/requests`);
  const searches = ((await asked.json()) as { path: string }[]).filter(({ path }) =>
    path.split('?', 1)[0]?.endsWith('/Patient'),
  );
  expect(searches.length).toBe(1);
});

test('a replay of everything is a slip that is refused', async () => {
  const { ask, send } = await fort();
  await send(1);
  const as = tokenOf('operate');
  for (const json of [{}, { filter: {} }, { dryRun: false }, { filter: { status: 'SENT' } }]) {
    expect((await ask('POST', '/replay', { as, json })).status).toBe(422);
  }
});
