import { expect, test } from 'bun:test';
import { setup } from '../http/setup.ts';

const ICN = '1012345678V123456';

function linesOf(log: string[]): Record<string, unknown>[] {
  return log.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Elysia tells of an answer in a later turn than the one that sent it. */
async function logged(log: string[], lines: number): Promise<Record<string, unknown>[]> {
  const until = performance.now() + 5000;
  while (log.length < lines && performance.now() < until) await Bun.sleep(1);
  return linesOf(log);
}

test("a caller's request id comes back, also with a problem, and is in the log", async () => {
  const { send, log } = setup();
  const good = await send(
    { icn: ICN, subject: 'Visit', body: 'When?', receivingPoolId: '2000001' },
    { 'X-Request-Id': 'mhv-7.a:b' },
  );
  const bad = await send({ icn: 'x' }, { 'X-Request-Id': 'mhv-8' });
  expect([good.status, good.headers.get('x-request-id')]).toEqual([202, 'mhv-7.a:b']);
  expect([bad.status, bad.headers.get('x-request-id')]).toEqual([422, 'mhv-8']);
  expect(bad.headers.get('content-type')).toBe('application/problem+json');
  const line = { event: 'request', method: 'POST', route: '/messages', tookMs: expect.any(Number) };
  expect(await logged(log, 2)).toMatchObject([
    { ...line, status: 202, requestId: 'mhv-7.a:b' },
    { ...line, status: 422, requestId: 'mhv-8' },
  ]);
});

test.each([
  ['too long', 'x'.repeat(129)],
  ['with a blank', 'a b'],
  ['with an ICN in it', `for-${ICN}`],
  ['absent', undefined],
])('a request id that is %s gives way to one of ours', async (_, given) => {
  const { url } = setup();
  const headers: Record<string, string> = given === undefined ? {} : { 'X-Request-Id': given };
  const answer = await fetch(`${url}/health/live`, { headers });
  expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('a request is logged by the pattern of its route, for the path may name a patient', async () => {
  const { url, log } = setup();
  await fetch(`${url}/sessions/${ICN}`);
  await fetch(`${url}/nothing/${ICN}`);
  const lines = await logged(log, 2);
  expect(lines).toMatchObject([
    { route: '/sessions/:icn', status: 200 },
    { event: 'request', status: 404 },
  ]);
  expect(log.join('')).not.toContain(ICN);
});

test('probes and scrapes are not logged', async () => {
  const { url, log } = setup();
  for (const path of ['/health/live', '/health/ready', '/metrics']) await fetch(`${url}${path}`);
  await fetch(`${url}/messages`);
  expect(await logged(log, 1)).toMatchObject([{ route: '/messages' }]);
});

test('the trace of a caller is in the line of the request', async () => {
  const { url, log } = setup();
  const trace = '0af7651916cd43dd8448eb211c80319c';
  await fetch(`${url}/messages`, { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` } });
  expect(await logged(log, 1)).toMatchObject([{ traceId: trace }]);
});
