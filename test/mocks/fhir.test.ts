import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Setup, setup } from './setup.ts';

let mocks: Setup;
let bearer: string;
beforeAll(async () => {
  mocks = await setup();
  bearer = await mocks.bearer();
});
afterAll(() => mocks.stop());

interface Bundle {
  total: number;
  link: { relation: string; url: string }[];
  entry?: { resource: Record<string, unknown>; search: { mode: string } }[];
}

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  const url = path.startsWith('http') ? path : mocks.variable('OH_FHIR_BASE_URL') + path;
  const fixed = { authorization: bearer, accept: 'application/fhir+json' };
  return fetch(url, { headers: { ...fixed, ...headers } });
}

async function find(path: string): Promise<Bundle> {
  const answer = await get(path);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Bundle;
}

const byIcn = (icn: string): string =>
  `/Patient?identifier=${encodeURIComponent(`${mocks.variable('OH_ICN_SYSTEM')}|${icn}`)}`;
const firstIcn = (): string => mocks.world.population.ordinary[0]?.icn ?? '';

test('token, tenant, scope and Accept are needed, and every answer has a request id', async () => {
  const refused = await get('/Patient/1000001', { authorization: 'Bearer no' });
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toContain('Bearer');
  expect(refused.headers.get('x-request-id')).toBeTruthy();
  const tenant = await get(`${mocks.origins.fhir}/r4/other/Patient/1000001`);
  expect([tenant.status, await tenant.text()]).toEqual([403, 'Tenant not valid or accessible']);
  expect((await get('/Patient/1000001', { accept: '*/*' })).status).toBe(406);
  const narrow = { authorization: await mocks.bearer('system/Location.read') };
  expect((await get('/Patient/1000001', narrow)).status).toBe(403);
  const other = await get('/Patient/1000001', { accept: 'application/json+fhir' });
  expect(other.headers.get('content-type')).toBe('application/json+fhir');
});

test('an ICN finds one patient with a managing organization', async () => {
  const { total, entry } = await find(byIcn(firstIcn()));
  expect(total).toBe(1);
  expect(entry?.[0]?.search.mode).toBe('match');
  expect(entry?.[0]?.resource).toMatchObject({
    resourceType: 'Patient',
    id: '1000001',
    active: true,
    managingOrganization: { reference: 'Organization/675844' },
  });
});

test('odd people: none, two, combined, inactive, an entry that is no match', async () => {
  const { special } = mocks.world.population;
  expect(await find(byIcn(special.unknownIcn))).toMatchObject({ total: 0 });
  expect((await find(byIcn(special.ambiguousIcn))).total).toBe(2);
  const survivors = await find(byIcn(special.combined.icn));
  expect(survivors.entry?.map((one) => one.resource['id'])).toEqual([
    special.combined.survivorPatientId,
  ]);
  const inactive = await find(byIcn(special.inactive.icn));
  expect(inactive.entry?.[0]?.resource['active']).toBe(false);
  const modes = (await find(byIcn(special.withOutcomeIcn))).entry?.map((one) => one.search.mode);
  expect(modes).toEqual(['match', 'outcome']);
  const old = await get(`/Patient/${special.combined.oldPatientId}`);
  expect(await old.json()).toMatchObject({
    active: false,
    link: [
      {
        other: { reference: `Patient/${special.combined.survivorPatientId}` },
        type: 'replaced-by',
      },
    ],
  });
});

test('a record that cannot be shown is a 500 with an OperationOutcome', async () => {
  const { broken } = mocks.world.population.special;
  for (const path of [`/Patient/${broken.ohPatientId}`, byIcn(broken.icn)]) {
    const answer = await get(path);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ issue: [{ severity: 'fatal', code: 'required' }] });
  }
});

test('searches that are not supported are 400 in plain text', async () => {
  const system = encodeURIComponent(mocks.variable('OH_STATION_SYSTEM'));
  const icn = firstIcn();
  for (const path of [
    '/Patient',
    '/Patient?name=ZZTEST',
    `${byIcn(icn)}&identifier=x`,
    byIcn(''),
    '/Practitioner?identifier=1111111111',
    '/Organization?identifier=urn%3Aother%7C668',
    '/Location',
    `/Location?identifier=${system}%7C668`,
    '/Encounter?status=finished',
    '/Encounter?patient=1000001&status=done',
  ]) {
    const answer = await get(path);
    expect([path, answer.status]).toEqual([path, 400]);
    expect(answer.headers.get('content-type')).toContain('text/plain');
  }
  expect(await (await get('/Patient')).text()).toBe('no supported search parameters provided');
});

test('facilities carry the station number, and an encounter leads to them', async () => {
  const { entry } = await find('/Encounter?patient=1000002&date=ge2024-01-01&status=finished');
  expect(entry?.[0]?.resource).toMatchObject({
    serviceProvider: { reference: 'Organization/675845' },
    location: [{ location: { reference: 'Location/21250410' } }],
  });
  expect((await find('/Encounter?patient=1000002&date=lt2024-01-01')).total).toBe(0);
  const identifier = [{ system: mocks.variable('OH_STATION_SYSTEM'), value: '589GR' }];
  expect(await (await get('/Location/21250410')).json()).toMatchObject({ identifier });
  expect(await (await get('/Organization/675845')).json()).toMatchObject({ identifier });
  expect((await find('/Location?_id=21250409')).total).toBe(1);
  const npi = '/Practitioner?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-npi%7C1111111111';
  expect((await find(npi)).entry?.[0]?.resource['id']).toBe('2100001');
  expect((await get('/Encounter/4000001')).status).toBe(200);
  expect((await get('/Location/1')).status).toBe(404);
});

test('pages follow each other by the next link', async () => {
  const first = await find(`${byIcn(mocks.world.population.special.ambiguousIcn)}&_count=1`);
  expect(first.entry).toHaveLength(1);
  const next = first.link.find((one) => one.relation === 'next')?.url ?? '';
  const second = await find(next);
  expect(second.entry).toHaveLength(1);
  expect(second.entry?.[0]?.resource['id']).not.toBe(first.entry?.[0]?.resource['id'] ?? '');
  expect(second.link.map((one) => one.relation)).toEqual(['self']);
});
