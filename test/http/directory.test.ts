import { expect, test } from 'bun:test';
import { START, setup, token } from './setup.ts';

const POOL = '2000009';

function site(auth: Parameters<typeof setup>[0] = {}) {
  const { url, store } = setup(auth);
  const call = (method: string, path: string, body?: unknown) =>
    fetch(`${url}/directory${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    });
  return { call, url, store };
}

test('a pool is named, listed, and loses a name', async () => {
  const { call } = site();
  const names = [
    { name: 'Cardiology / East', stationNumber: '589GR', mhvTriageTeamId: 613590, preferred: true },
    { name: 'Heart', stationNumber: '589GR', preferred: false },
  ];
  const put = await call('PUT', `/${POOL}`, { names, actor: 'ann' });
  expect(put.status).toBe(200);
  const first = {
    ohPoolId: POOL,
    name: 'Cardiology / East',
    stationNumber: '589GR',
    mhvTriageTeamId: '613590',
    preferred: true,
    source: 'api',
    updatedAt: new Date(START).toISOString(),
    actor: 'ann',
  };
  expect(await put.json()).toMatchObject({ groups: [first, { name: 'Heart', preferred: false }] });
  await call('PUT', '/2000010', { names: [{ name: 'Lab', stationNumber: '668' }] });
  expect(((await (await call('GET', '')).json()) as { groups: unknown[] }).groups).toHaveLength(3);
  const path = `/${POOL}?name=${encodeURIComponent('Cardiology / East')}`;
  expect((await call('DELETE', path)).status).toBe(204);
  expect((await call('DELETE', path)).status).toBe(404);
  const left = await (await call('GET', `?poolId=${POOL}`)).json();
  expect(left).toMatchObject({ groups: [{ name: 'Heart', preferred: true }] });
});

test('a bad field is refused by name as a problem document', async () => {
  const { call } = site();
  const name = 'Lab';
  const stationNumber = '668';
  const refused: [string, unknown, string][] = [
    ['/x', { names: [{ name, stationNumber }] }, '/ohPoolId'],
    [`/${POOL}`, { names: [] }, '/names'],
    [`/${POOL}`, { names: [{ name, stationNumber: '66' }] }, '/names/0/stationNumber'],
    [`/${POOL}`, { names: [{ name: 'x'.repeat(61), stationNumber }] }, '/names/0/name'],
    [`/${POOL}`, { names: [{ name, stationNumber, preferred: false }] }, '/names/0/preferred'],
    [
      `/${POOL}`,
      { names: [name, name].map((same) => ({ name: same, stationNumber, preferred: false })) },
      '/names/1/name',
    ],
  ];
  for (const [path, body, pointer] of refused) {
    const response = await call('PUT', path, body);
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const { errors } = (await response.json()) as { errors: { pointer: string }[] };
    expect(errors.map((fault) => fault.pointer)).toContain(pointer);
  }
  expect((await call('GET', '?pool=1')).status).toBe(422);
  expect((await call('GET', '?limit=201')).status).toBe(422);
  for (const cursor of ['1', '%20', Buffer.from('["1",true]').toString('base64url')]) {
    const response = await call('GET', `?cursor=${cursor}`);
    expect(response.status).toBe(422);
    expect(await response.text()).toContain('must be a cursor this API gave');
  }
  expect((await call('DELETE', `/${POOL}`)).status).toBe(422);
  expect(await (await call('GET', '')).json()).toEqual({ groups: [] });
});

test('only callers of the API read and write the directory', async () => {
  const { call, url } = site({ mode: 'required', apiTokens: [token('api-1')] });
  expect((await call('GET', '')).status).toBe(401);
  const names = [{ name: 'Lab', stationNumber: '668' }];
  expect((await call('PUT', `/${POOL}`, { names })).status).toBe(401);
  expect((await call('DELETE', `/${POOL}?name=Lab`)).status).toBe(401);
  const headers = { Authorization: 'Bearer api-1' };
  expect((await fetch(`${url}/directory`, { headers })).status).toBe(200);
});

test('the API describes the directory', async () => {
  const { url } = site();
  const { paths } = (await (await fetch(`${url}/openapi/json`)).json()) as {
    paths: Record<string, Record<string, { summary?: string }>>;
  };
  expect(paths['/directory/{ohPoolId}']?.['put']?.summary).toBe('Say what a pool is called');
  expect(paths['/directory']?.['get']?.summary).toBeString();
});

test('a large directory comes in pages: each name once, in order, also when it changes meanwhile', async () => {
  const { call, store } = site();
  const groups = Array.from({ length: 120 }, (_, n) => ({
    ohPoolId: String(2_000_000 + Math.floor(n / 3)),
    name: `Klinik ${'ä€𝄞'[n % 3] ?? ''}${n}`,
    stationNumber: '668',
    preferred: n % 3 === 1,
  }));
  await store.directory.put(groups, 'csv', 'ann');
  const whole = (await store.directory.list()).map(({ name }) => name);
  const names: string[] = [];
  const sizes: number[] = [];
  const pageAfter = async (query: string) => {
    const page = (await (await call('GET', query)).json()) as {
      groups: { name: string; ohPoolId: string }[];
      next?: string;
    };
    names.push(...page.groups.map(({ name }) => name));
    sizes.push(page.groups.length);
    return page;
  };
  let page = await pageAfter('');
  // The last name that was shown is removed; the next page begins where it would have been.
  const last = page.groups.at(-1);
  const gone = await call(
    'DELETE',
    `/${last?.ohPoolId}?name=${encodeURIComponent(last?.name ?? '')}`,
  );
  expect(gone.status).toBe(204);
  while (page.next !== undefined) page = await pageAfter(`?limit=40&cursor=${page.next}`);
  expect(sizes).toEqual([50, 40, 30]);
  expect(names).toEqual(whole);
  const ofPool = await (await call('GET', '?poolId=2000001&limit=2')).json();
  expect(ofPool).toMatchObject({ groups: [{ preferred: true }, {}], next: expect.any(String) });
});
