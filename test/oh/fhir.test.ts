import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import nock from 'nock';
import { createOhFhir, type OhFhirOptions } from '../../src/oh/fhir.ts';
import { context, NOW, verdictOf } from './loopback.ts';

const HOST = 'https://fhir.example.test';
const ROOT = '/r4/00000000-0000-4000-8000-0000000000aa';
const ICN = '1012345678V123456';
const ICN_SYSTEM = 'urn:oid:2.16.840.1.113883.4.349';
const STATION_SYSTEM = 'urn:oid:2.16.840.1.113883.4.349.4';
const SEARCH = `/Patient?identifier=urn%3Aoid%3A2.16.840.1.113883.4.349%7C${ICN}`;

type Json = Record<string, unknown>;

/** Requests are answered here only; one to any other host fails the test as a broken connection. */
beforeEach(() => {
  if (!nock.isActive()) nock.activate();
  nock.disableNetConnect();
});

afterEach(() => {
  nock.cleanAll();
  nock.enableNetConnect();
  nock.restore();
});

function setup(options: Partial<OhFhirOptions> = {}): {
  fhir: ReturnType<typeof createOhFhir>;
  clock: { now: number };
} {
  const clock = { now: NOW };
  const fhir = createOhFhir({
    baseUrl: `${HOST}${ROOT}`,
    timeoutMs: 1500,
    now: () => clock.now,
    icnSystem: ICN_SYSTEM,
    stationSystem: STATION_SYSTEM,
    ...options,
  });
  return { fhir, clock };
}

function answer(path: string, body: Json | string, status = 200): void {
  nock(HOST).get(`${ROOT}${path}`).reply(status, body, { 'Content-Type': 'application/fhir+json' });
}

function patient(id: string, rest: Json = {}): Json {
  const identifier = [{ use: 'usual', system: ICN_SYSTEM, value: ICN }];
  return { resourceType: 'Patient', id, identifier, active: true, ...rest };
}

function combined(id: string, survivor: string): Json {
  const link = [{ other: { reference: survivor }, type: 'replaced-by' }];
  return { resourceType: 'Patient', id, active: false, link, name: [{ extension: [] }] };
}

function bundle(resources: Json[], next?: string): Json {
  const link = next === undefined ? [] : [{ relation: 'next', url: next }];
  const entry = resources.map((resource) => ({ resource, search: { mode: 'match' } }));
  return { resourceType: 'Bundle', type: 'searchset', link, entry };
}

function place(type: 'Location' | 'Organization', value: string, system = STATION_SYSTEM): Json {
  return { resourceType: type, id: 'x', identifier: [{ system, value }] };
}

function encounter(rest: Json): Json {
  return { resourceType: 'Encounter', id: '4', ...rest };
}

describe('finding a patient by ICN', () => {
  test('sends system and value escaped, and takes the one active match', async () => {
    const { fhir } = setup();
    const page = bundle([patient('7929590'), patient('1', { active: false })]);
    const outcome = {
      resource: { resourceType: 'OperationOutcome' },
      search: { mode: 'outcome' },
    };
    const included = { resource: patient('2'), search: { mode: 'include' } };
    const body = { ...page, entry: [...(page['entry'] as Json[]), outcome, included] };
    const scope = nock(HOST, { reqheaders: { accept: 'application/fhir+json' } })
      .get(`${ROOT}${SEARCH}`)
      .reply(200, body, { 'Content-Type': 'application/json+fhir' });
    expect(await fhir.patientByIcn(ICN, context)).toEqual({ patientId: '7929590' });
    expect(scope.isDone()).toBe(true);
  });

  test('takes a match that says neither active nor mode nor any identifier', async () => {
    answer(SEARCH, { ...bundle([]), entry: [{ resource: { resourceType: 'Patient', id: '5' } }] });
    expect(await setup().fhir.patientByIcn(ICN, context)).toEqual({ patientId: '5' });
  });

  test.each([
    ['patient-unknown', bundle([])],
    ['patient-unknown', { resourceType: 'Bundle' }],
    ['patient-unknown', bundle([patient('1', { active: false })])],
    ['patient-ambiguous', bundle([patient('1'), patient('2')])],
    [
      'patient-mismatch',
      bundle([patient('1', { identifier: [{ system: ICN_SYSTEM, value: '1099999999V999999' }] })]),
    ],
  ])('is %s, for a person to look at', async (code, body) => {
    answer(SEARCH, body);
    const verdict = await verdictOf(setup().fhir.patientByIcn(ICN, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: `fhir:${code}` });
    expect(verdict.reason).not.toContain(ICN);
  });

  test('looks at every page, and the same patient twice is one', async () => {
    answer(SEARCH, bundle([], `${HOST}${ROOT}/Patient?-pageContext=a`));
    answer(
      '/Patient?-pageContext=a',
      bundle([patient('1')], `${HOST}${ROOT}/Patient?-pageContext=b`),
    );
    answer('/Patient?-pageContext=b', bundle([patient('1')]));
    expect(await setup().fhir.patientByIcn(ICN, context)).toEqual({ patientId: '1' });
  });

  test.each([
    `https://elsewhere.example.test${ROOT}/Patient?page=2`,
    `${HOST}/r4/another-tenant/Patient?page=2`,
    `${HOST}${ROOT}/../another-tenant/Patient?page=2`,
  ])('does not follow the next page to %s', async (next) => {
    answer(SEARCH, bundle([patient('1')], next));
    const verdict = await verdictOf(setup().fhir.patientByIcn(ICN, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'fhir:next-elsewhere' });
  });

  test('gives up on a search without end', async () => {
    nock(HOST)
      .get(`${ROOT}${SEARCH}`)
      .reply(200, bundle([], `${HOST}${ROOT}/Patient?again`));
    const again = nock(HOST).get(`${ROOT}/Patient?again`).times(20);
    again.reply(200, bundle([], `${HOST}${ROOT}/Patient?again`));
    const verdict = await verdictOf(setup().fhir.patientByIcn(ICN, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'fhir:too-many-pages' });
  });

  test('tries again when a patient in the answer is broken, since there might be two', async () => {
    answer(SEARCH, bundle([patient('1'), { resourceType: 'Patient' }]));
    const verdict = await verdictOf(setup().fhir.patientByIcn(ICN, context));
    expect(verdict).toMatchObject({ kind: 'retry', code: 'fhir:unreadable' });
  });

  test.each([` ${ICN}`, ICN.toLowerCase(), '12345678901234567'])(
    'refuses %p before anything is sent',
    async (icn) => {
      const verdict = await verdictOf(setup().fhir.patientByIcn(icn, context));
      expect(verdict).toMatchObject({ kind: 'rejected', code: 'fhir:invalid-icn' });
    },
  );
});

describe('the ICN of a patient', () => {
  test.each([
    ['bare', [{ system: ICN_SYSTEM, value: ICN }]],
    ['in MPI form', [{ system: ICN_SYSTEM, value: `${ICN}^NI^200M^USVHA^P` }]],
    [
      'among others',
      [
        { type: { text: 'Messaging' }, value: 'alias', _system: { extension: [] } },
        { system: 'urn:oid:2.16.840.1.113883.6.1000', value: '1099999999V999999' },
        { system: ICN_SYSTEM, value: `1099999999V999999^NI^200M^USVHA^D` },
        { system: ICN_SYSTEM, use: 'old', value: '1088888888V888888' },
        { system: ICN_SYSTEM, value: ICN },
        { system: ICN_SYSTEM, value: `${ICN}^NI^200M^USVHA^P` },
      ],
    ],
  ])('is found %s', async (_where, identifier) => {
    answer('/Patient/7929590', patient('7929590', { identifier }));
    expect(await setup().fhir.icnOfPatient('7929590', context)).toBe(ICN);
  });

  test.each([
    ['icn-unknown', patient('1', { identifier: null })],
    ['icn-unknown', patient('1', { identifier: [{ system: 'other', value: ICN }] })],
    [
      'icn-ambiguous',
      patient('1', {
        identifier: [ICN, '1099999999V999999'].map((value) => ({ system: ICN_SYSTEM, value })),
      }),
    ],
    ['patient-inactive', patient('1', { active: false })],
    ['patient-inactive', combined('1', 'https://elsewhere.example.test/r4/x/Patient/2')],
    ['patient-inactive', combined('1', 'Organization/2')],
  ])('is %s, for a person to look at', async (code, resource) => {
    answer('/Patient/1', resource);
    const verdict = await verdictOf(setup().fhir.icnOfPatient('1', context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: `fhir:${code}` });
  });

  test('is that of the survivor, five hops away at most', async () => {
    for (const n of [1, 2, 3, 4, 5]) answer(`/Patient/${n}`, combined(`${n}`, `Patient/${n + 1}`));
    answer('/Patient/6', patient('6'));
    expect(await setup().fhir.icnOfPatient('1', context)).toBe(ICN);
    for (const n of [1, 2, 3, 4, 5, 6]) {
      answer(`/Patient/${n}`, combined(`${n}`, `${HOST}${ROOT}/Patient/${n + 1}`));
    }
    const verdict = await verdictOf(setup().fhir.icnOfPatient('1', context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'fhir:patient-combined' });
  });

  test('is refused when patients replace each other in a circle', async () => {
    answer('/Patient/1', combined('1', 'Patient/2'));
    answer('/Patient/2', combined('2', 'Patient/1'));
    const verdict = await verdictOf(setup().fhir.icnOfPatient('1', context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'fhir:patient-combined' });
  });

  test('is read once for many, kept for a while, then read again', async () => {
    const { fhir, clock } = setup({ cacheTtlMs: 60_000 });
    answer('/Patient/1', patient('1'));
    const together = [1, 2, 3].map(() => fhir.icnOfPatient('1', context));
    expect(new Set(await Promise.all(together))).toEqual(new Set([ICN]));
    clock.now += 59_999;
    expect(await fhir.icnOfPatient('1', context)).toBe(ICN);
    clock.now += 1;
    const other = '1099999999V999999';
    answer('/Patient/1', patient('1', { identifier: [{ system: ICN_SYSTEM, value: other }] }));
    expect(await fhir.icnOfPatient('1', context)).toBe(other);
  });

  test.each(['', '../metadata', 'a/b', 'x'.repeat(65)])('refuses the id %p', async (id) => {
    const verdict = await verdictOf(setup().fhir.icnOfPatient(id, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'fhir:invalid-id' });
  });
});

describe('the name of a practitioner', () => {
  test.each([
    [
      [
        { use: 'usual', text: 'Zz' },
        { use: 'official', text: 'ZZTEST, DOCTOR' },
      ],
      'ZZTEST, DOCTOR',
    ],
    [[{ family: 'ZZTEST', given: ['DOCTOR', 'ONE'] }], 'ZZTEST, DOCTOR ONE'],
    [[{ family: 'ZZTEST' }], 'ZZTEST'],
    [[], undefined],
    [null, undefined],
  ])('%j is %p', async (name, expected) => {
    answer('/Practitioner/9', { resourceType: 'Practitioner', id: '9', name });
    expect(await setup().fhir.practitionerName('9', context)).toBe(expected);
  });
});

describe('the station number', () => {
  const of = { encounterId: '4', patientId: '1' };

  test('is that of the location of the encounter', async () => {
    const location = [{ location: { reference: 'Location/10' } }];
    answer(
      '/Encounter/4',
      encounter({ location, serviceProvider: { reference: 'Organization/20' } }),
    );
    answer('/Location/10', place('Location', '668'));
    expect(await setup().fhir.stationNumber(of, context)).toBe('668');
  });

  test('else that of the service provider', async () => {
    const location = [{ location: { display: 'x' } }, { location: { reference: 'Location/10' } }];
    answer(
      '/Encounter/4',
      encounter({ location, serviceProvider: { reference: 'Organization/20' } }),
    );
    answer('/Location/10', place('Location', 'East Wing'));
    const system = `${STATION_SYSTEM}.589GR`;
    answer('/Organization/20', place('Organization', '589GR', system));
    expect(await setup().fhir.stationNumber(of, context)).toBe('589GR');
  });

  test('else that of the managing organization, even when the encounter or the location is gone', async () => {
    const managed = patient('1', { managingOrganization: { reference: 'Organization/30' } });
    answer('/Encounter/4', 'gone', 410);
    answer('/Patient/1', managed);
    answer('/Organization/30', place('Organization', '979'));
    expect(await setup().fhir.stationNumber(of, context)).toBe('979');
    const location = [{ location: { reference: 'Location/10' } }];
    answer('/Encounter/4', encounter({ location }));
    answer('/Location/10', 'no', 404);
    answer('/Patient/1', managed);
    answer('/Organization/30', place('Organization', '979'));
    expect(await setup().fhir.stationNumber(of, context)).toBe('979');
  });

  test.each(['66', '668east', '668ABCDE', ' 668'])(
    'is unknown when %p is all there is',
    async (value) => {
      answer(
        '/Patient/1',
        patient('1', { managingOrganization: { reference: 'Organization/30' } }),
      );
      answer('/Organization/30', place('Organization', value));
      expect(await setup().fhir.stationNumber({ patientId: '1' }, context)).toBeUndefined();
    },
  );

  test('is unknown when nothing refers to a place', async () => {
    answer('/Encounter/4', encounter({}));
    answer('/Patient/1', patient('1'));
    expect(await setup().fhir.stationNumber(of, context)).toBeUndefined();
  });

  test('is tried again when the encounter can not be read now', async () => {
    answer('/Encounter/4', '', 503);
    const verdict = await verdictOf(setup().fhir.stationNumber(of, context));
    expect(verdict).toMatchObject({ kind: 'retry', code: 'fhir:503' });
  });
});

describe('errors', () => {
  test.each([
    [400, 'no supported search parameters provided', 'rejected', 'fhir:400'],
    [401, '', 'retry', 'fhir:unauthorized'],
    [403, 'Tenant not valid or accessible', 'retry', 'fhir:403'],
    [404, '', 'rejected', 'fhir:404'],
    [406, '', 'rejected', 'fhir:406'],
    [409, '', 'rejected', 'fhir:409'],
    [410, '', 'rejected', 'fhir:410'],
    [422, '<html>', 'rejected', 'fhir:422'],
    [429, '', 'retry', 'fhir:429'],
    [500, '', 'retry', 'fhir:500'],
    [502, '<html>', 'retry', 'fhir:502'],
    [503, '', 'retry', 'fhir:503'],
    [504, '', 'retry', 'fhir:504'],
    [200, 'not json', 'retry', 'fhir:unreadable'],
    [200, '{"resourceType":"Group","id":"1"}', 'retry', 'fhir:unreadable'],
  ] as const)('status %p with %p is %s as %s', async (status, body, kind, code) => {
    const reply = nock(HOST).get(`${ROOT}/Patient/1`);
    reply.reply(status, body, { 'Retry-After': '30', 'X-Request-Id': 'req-1' });
    const verdict = await verdictOf(setup().fhir.icnOfPatient('1', context));
    expect(verdict).toMatchObject({ kind, code, httpStatus: status });
    if (status >= 429) expect(verdict.retryAfterMs).toBe(30_000);
  });

  test('a reason names issue codes and the request id, but no text of the answer', async () => {
    const issue = [
      { severity: 'fatal', code: 'required', location: ['/f:Patient'], diagnostics: 'ZZTEST' },
    ];
    const body = { resourceType: 'OperationOutcome', issue };
    nock(HOST).get(`${ROOT}/Patient/1`).reply(500, body, { 'opc-request-id': 'ABC/1.2' });
    const { reason } = await verdictOf(setup().fhir.icnOfPatient('1', context));
    expect(reason).toBe('fhir answered 500: it is in trouble (required, request id ABC/1.2).');
  });

  test('an unreadable resource is not kept', async () => {
    const { fhir } = setup();
    answer('/Patient/1', '{');
    expect((await verdictOf(fhir.icnOfPatient('1', context))).code).toBe('fhir:unreadable');
    answer('/Patient/1', patient('1'));
    expect(await fhir.icnOfPatient('1', context)).toBe(ICN);
  });

  test('401 renews the token once and repeats the read once', async () => {
    let tokens = 0;
    const authorizer = {
      authorization: async (): Promise<string> => `Bearer token-${tokens}`,
      renew: (): void => {
        tokens += 1;
      },
    };
    const first = nock(HOST, { reqheaders: { authorization: 'Bearer token-0' } });
    first.get(`${ROOT}/Patient/1`).reply(401, '', { 'WWW-Authenticate': 'Bearer' });
    const second = nock(HOST, { reqheaders: { authorization: 'Bearer token-1' } });
    second.get(`${ROOT}/Patient/1`).reply(200, patient('1'));
    expect(await setup({ authorizer }).fhir.icnOfPatient('1', context)).toBe(ICN);
  });

  test('silence is retry', async () => {
    nock(HOST).get(`${ROOT}/Patient/1`).delay(200).reply(200, patient('1'));
    const verdict = await verdictOf(setup({ timeoutMs: 20 }).fhir.icnOfPatient('1', context));
    expect(verdict).toMatchObject({ kind: 'retry', code: 'fhir:timeout' });
  });
});
