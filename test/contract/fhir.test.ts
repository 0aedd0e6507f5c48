/** FHIR R4 has no OpenAPI document: its rules and its table of errors, line by line, against the mock. */
import { describe, expect, test } from 'bun:test';
import { createOhFhir, type OhFhirOptions } from '../../src/oh/fhir.ts';
import { context, serve, verdictOf } from '../oh/loopback.ts';
import { patientOf, type Setup, setup } from './setup.ts';

type Call = (run: Setup) => Promise<unknown>;

const calls: Record<string, Call> = {
  patientByIcn: ({ fhir, mocks }) => fhir.patientByIcn(patientOf(mocks).icn, context),
  icnOfPatient: ({ fhir, mocks }) => fhir.icnOfPatient(patientOf(mocks).ohPatientId, context),
  practitionerName: ({ fhir }) => fhir.practitionerName('2100001', context),
  stationNumber: ({ fhir, mocks }) => {
    const { encounterId, ohPatientId: patientId } = ordinary(mocks.world);
    return fhir.stationNumber({ encounterId, patientId }, context);
  },
};

/** Status, verdict and the body that the vendor documents for it. */
const errors: [status: number, verdict: string, body: string, contentType?: string][] = [
  [400, 'rejected fhir:400', 'no supported search parameters provided', 'text/plain'],
  [401, 'retry fhir:unauthorized', ''],
  [403, 'retry fhir:403', 'Tenant not valid or accessible', 'text/plain'],
  [404, 'rejected fhir:404', ''],
  [406, 'rejected fhir:406', ''],
  [409, 'rejected fhir:409', ''],
  [422, 'rejected fhir:422', outcomeOf('too-costly'), 'application/fhir+json'],
  [500, 'retry fhir:500', outcomeOf('required'), 'application/fhir+json'],
  [429, 'retry fhir:429', outcomeOf('throttled'), 'application/fhir+json'],
  [502, 'retry fhir:502', '<html>'],
  [503, 'retry fhir:503', ''],
  [504, 'retry fhir:504', ''],
];

function outcomeOf(code: string): string {
  const issue = [{ severity: 'fatal', code, location: ['/f:AllergyIntolerance/f:status'] }];
  return JSON.stringify({ resourceType: 'OperationOutcome', issue });
}

function ordinary(world: Setup['mocks']['world']) {
  const [patient] = world.population.ordinary;
  if (patient === undefined) throw new Error('The mocks have no patient.');
  return patient;
}

function optionsOf(run: Setup, changes: Partial<OhFhirOptions> = {}): OhFhirOptions {
  const variable = (name: string): string => run.mocks.env[name] ?? '';
  return {
    baseUrl: variable('OH_FHIR_BASE_URL'),
    authorizer: run.authorizer,
    timeoutMs: 5000,
    now: () => run.clock.now,
    icnSystem: variable('OH_ICN_SYSTEM'),
    stationSystem: variable('OH_STATION_SYSTEM'),
    ...changes,
  };
}

async function requestsOf(run: Setup): Promise<{ path: string; query: string; status: number }[]> {
  const response = await run.control('fhir', 'GET', 'requests');
  return (await response.json()) as { path: string; query: string; status: number }[];
}

async function verdict(call: Promise<unknown>): Promise<string> {
  const { kind, code } = await verdictOf(call);
  return `${kind} ${code}`;
}

describe.each(Object.entries(calls))('%s', (_, call) => {
  test('has the verdict of the table on every status, whatever the body', async () => {
    await using run = await setup();
    for (const [status, expected] of errors) {
      for (const format of ['json', 'xml', 'html', 'empty'] as const) {
        await run.fault('fhir', { path: '/r4/', status, format });
        expect(await verdict(call(run))).toBe(expected);
        await run.control('fhir', 'DELETE', 'faults');
      }
    }
  });

  test('obeys Retry-After', async () => {
    await using run = await setup();
    for (const status of [429, 502, 503, 504]) {
      await run.fault('fhir', { path: '/r4/', status, retryAfter: 120, times: 1 });
      expect((await verdictOf(call(run))).retryAfterMs).toBe(120_000);
    }
  });

  test('gets a new token after one 401, once, and goes through', async () => {
    await using run = await setup();
    await run.fault('fhir', { path: '/r4/', status: 401, times: 1 });
    await call(run);
    const tokens = await (await run.control('auth', 'GET', 'tokens')).json();
    expect(tokens).toMatchObject({ issued: 2 });
  });

  test('calls twice and no more when the new token is refused too', async () => {
    await using run = await setup();
    await run.fault('fhir', { path: '/r4/', status: 401 });
    await verdictOf(call(run));
    expect(await requestsOf(run)).toHaveLength(2);
  });
});

test.each(errors)('%i is %s with the body that the vendor documents', async (...error) => {
  const [status, expected, body, contentType = 'text/html'] = error;
  await using run = await setup();
  using server = serve(
    () => new Response(body, { status, headers: { 'Content-Type': contentType } }),
  );
  const fhir = createOhFhir(optionsOf(run, { baseUrl: `${server.url}/r4/tenant` }));
  const outcome = await verdictOf(fhir.patientByIcn(patientOf(run.mocks).icn, context));
  expect(`${outcome.kind} ${outcome.code}`).toBe(expected);
  expect(outcome.reason.includes('(required)')).toBe(status === 500);
});

describe('the mock itself answers', () => {
  test('a tenant that is not ours with 403 in plain text, a fault of configuration', async () => {
    await using run = await setup();
    const baseUrl = `${run.mocks.origins.fhir}/r4/00000000-0000-4000-8000-0000000000bb`;
    const other = createOhFhir(optionsOf(run, { baseUrl }));
    expect(await verdict(other.practitionerName('2100001', context))).toBe('retry fhir:403');
  });

  test('a record without a required field with 500, worth another try, and says so', async () => {
    await using run = await setup();
    const { broken } = run.mocks.world.population.special;
    for (const call of [
      run.fhir.patientByIcn(broken.icn, context),
      run.fhir.icnOfPatient(broken.ohPatientId, context),
    ]) {
      const outcome = await verdictOf(call);
      expect(`${outcome.kind} ${outcome.code}`).toBe('retry fhir:500');
      expect(outcome.reason).toMatch(/required, request id [\w-]{36}/);
      expect(outcome.reason).not.toContain(broken.icn);
    }
  });

  test('an unknown id with 404, for good', async () => {
    await using run = await setup();
    expect(await verdict(run.fhir.icnOfPatient('999', context))).toBe('rejected fhir:404');
    expect(await verdict(run.fhir.practitionerName('999', context))).toBe('rejected fhir:404');
  });
});

describe('a search for a patient', () => {
  test('asks with system and value, encoded, and nothing else', async () => {
    await using run = await setup();
    const { icn, ohPatientId: patientId } = patientOf(run.mocks);
    expect(await run.fhir.patientByIcn(icn, context)).toEqual({ patientId });
    const [request] = await requestsOf(run);
    expect(request?.path).toEndWith('/Patient');
    expect(request?.query).toBe(`identifier=urn%3Aoid%3A2.16.840.1.113883.4.349%7C${icn}`);
  });

  test('that finds nobody, several, or only somebody inactive is for an operator', async () => {
    await using run = await setup();
    const { unknownIcn, ambiguousIcn, inactive } = run.mocks.world.population.special;
    expect([
      await verdict(run.fhir.patientByIcn(unknownIcn, context)),
      await verdict(run.fhir.patientByIcn(ambiguousIcn, context)),
      await verdict(run.fhir.patientByIcn(inactive.icn, context)),
    ]).toEqual([
      'rejected fhir:patient-unknown',
      'rejected fhir:patient-ambiguous',
      'rejected fhir:patient-unknown',
    ]);
  });

  test('passes over entries that are no match, and finds a survivor only', async () => {
    await using run = await setup();
    const { withOutcomeIcn, combined } = run.mocks.world.population.special;
    await run.fhir.patientByIcn(withOutcomeIcn, context);
    expect(await run.fhir.patientByIcn(combined.icn, context)).toEqual({
      patientId: combined.survivorPatientId,
    });
  });

  /** Has so many inactive patients share the first patient's ICN, and come before it. */
  function crowd(run: Setup, inactive: number): string {
    const patient = ordinary(run.mocks.world);
    const others = Array.from({ length: inactive }, (_, index) => ({
      ...patient,
      ohPatientId: String(7_000_000 + index),
      active: false,
    }));
    run.mocks.world.population.byIcn.set(patient.icn, [...others, patient]);
    return patient.icn;
  }

  test('reads on by the links to the next page, as given', async () => {
    await using run = await setup();
    const icn = crowd(run, 45);
    const { ohPatientId: patientId } = patientOf(run.mocks);
    expect(await run.fhir.patientByIcn(icn, context)).toEqual({ patientId });
    const queries = (await requestsOf(run)).map(({ query }) => query.split('=')[0]);
    expect(queries).toEqual(['identifier', '-pageContext', '-pageContext']);
  });

  test('gives up on a search without end', async () => {
    await using run = await setup();
    const icn = crowd(run, 300);
    expect(await verdict(run.fhir.patientByIcn(icn, context))).toBe('rejected fhir:too-many-pages');
    expect(await requestsOf(run)).toHaveLength(10);
  });

  test('never follows a link to another host, to which the token would go', async () => {
    await using run = await setup();
    const icn = crowd(run, 45);
    using elsewhere = serve(() => new Response('{}'));
    run.mocks.world.origins.fhir = elsewhere.url;
    expect(await verdict(run.fhir.patientByIcn(icn, context))).toBe('rejected fhir:next-elsewhere');
    expect(elsewhere.seen).toEqual([]);
  });

  test('of over 1000 hits is refused for good', async () => {
    await using run = await setup();
    const icn = crowd(run, 1000);
    expect(await verdict(run.fhir.patientByIcn(icn, context))).toBe('rejected fhir:422');
  });
});

describe('a combined patient', () => {
  /** A chain of combined patients that ends in the first patient; gives its start. */
  function chain(run: Setup, hops: number): string {
    const { world } = run.mocks;
    const patient = ordinary(world);
    for (let hop = 1; hop <= hops; hop += 1) {
      const ohPatientId = String(8_000_000 + hop);
      const replacedBy = hop === 1 ? patient.ohPatientId : String(8_000_000 + hop - 1);
      world.population.patients.set(ohPatientId, {
        ...patient,
        ohPatientId,
        active: false,
        replacedBy,
      });
    }
    return String(8_000_000 + hops);
  }

  test.each([1, 5])('is followed over %i links to the survivor', async (hops) => {
    await using run = await setup();
    const start = chain(run, hops);
    expect(await run.fhir.icnOfPatient(start, context)).toBe(patientOf(run.mocks).icn);
    expect(await requestsOf(run)).toHaveLength(hops + 1);
  });

  test('is not followed over six links, nor in a circle', async () => {
    await using run = await setup();
    const [first = ''] = run.mocks.world.population.special.cyclePatientIds;
    const start = chain(run, 6);
    expect([
      await verdict(run.fhir.icnOfPatient(start, context)),
      await verdict(run.fhir.icnOfPatient(first, context)),
    ]).toEqual(['rejected fhir:patient-combined', 'rejected fhir:patient-combined']);
    expect(await requestsOf(run)).toHaveLength(6 + 2);
  });

  test('that nobody survives is for an operator', async () => {
    await using run = await setup();
    const { ohPatientId } = run.mocks.world.population.special.inactive;
    const call = run.fhir.icnOfPatient(ohPatientId, context);
    expect(await verdict(call)).toBe('rejected fhir:patient-inactive');
  });

  test('is looked up again when the mapping is old: combining can be undone', async () => {
    await using run = await setup();
    const { combined } = run.mocks.world.population.special;
    expect(await run.fhir.icnOfPatient(combined.oldPatientId, context)).toBe(combined.icn);
    const old = run.mocks.world.population.patients.get(combined.oldPatientId);
    if (old === undefined) throw new Error('The mocks have no combined patient.');
    const { replacedBy: _, ...undone } = { ...old, active: true, icn: '1000000009V000009' };
    run.mocks.world.population.patients.set(combined.oldPatientId, undone);
    run.clock.now += 20 * 60_000;
    expect(await run.fhir.icnOfPatient(combined.oldPatientId, context)).toBe('1000000009V000009');
  });
});

test("a message's station comes from its encounter, else from the patient", async () => {
  await using run = await setup();
  const { encounterId, ohPatientId: patientId, facility } = ordinary(run.mocks.world);
  const { fhir } = run;
  expect(await fhir.stationNumber({ encounterId, patientId }, context)).toBe(facility.station);
  expect(await fhir.stationNumber({ patientId }, context)).toBe(facility.station);
  expect(await fhir.stationNumber({ encounterId: '1', patientId }, context)).toBe(facility.station);
  expect(await fhir.practitionerName('2100001', context)).toBe('ZZTEST, NURSE');
  const paths = (await requestsOf(run)).map(
    ({ path, status }) => `${path.split('/')[3]} ${status}`,
  );
  expect(paths).toEqual([
    'Encounter 200',
    'Location 200',
    'Patient 200',
    'Organization 200',
    'Encounter 404',
    'Practitioner 200',
  ]);
});
