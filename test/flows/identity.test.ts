/** Who a patient is: new, known, combined, at two tenants, unknown, ambiguous; in the API and on timelines. */
import { expect, test } from 'bun:test';
import { type City, POOL, setup } from './setup.ts';

interface Answer {
  code: number;
  body: Record<string, unknown>;
}

/** A login, what is due then, and what the API says after it. */
async function logIn(city: City, icn: string, cernerId?: string) {
  const posted = await fetch(`${city.exchange.url}/sessions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ icn, ...(cernerId ? { cernerId } : {}) }),
  });
  await city.pass(0);
  const asked = await fetch(`${city.exchange.url}/sessions/${icn}`);
  const body = (await asked.json()) as Answer['body'];
  return { code: posted.status, body, events: body['events'] as Record<string, string>[] };
}

function ofTenant(ohPatientId: string): string {
  return `${ohPatientId}^PI^200CRNR^USVHA^A`;
}

test('a patient is new once, and from then on known', async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(2);
  const first = await logIn(city, icn);
  expect(first).toMatchObject({
    code: 202,
    body: { authority: 'demo', status: 'FINISHED', listed: 8, delivered: 8 },
    events: [
      { event: 'asked', detail: 'the patient is new' },
      { event: 'identified', detail: `OH patient ${ohPatientId}` },
      { event: 'listed', detail: '8 messages' },
    ],
  });
  const second = await logIn(city, icn);
  expect(second).toEqual({ ...first, code: 200 });
});

test('one whom FHIR does not know, or knows twice, is an error that says so and is asked again', async () => {
  const city = await setup();
  const { unknownIcn, ambiguousIcn } = city.mocks.world.population.special;
  for (const [icn, code] of [
    [unknownIcn, 'fhir:patient-unknown'],
    [ambiguousIcn, 'fhir:patient-ambiguous'],
  ] as const) {
    const { code: status, body, events } = await logIn(city, icn);
    expect(status).toBe(202);
    expect(body).toMatchObject({ status: 'ERROR', syncComplete: true, listed: 0 });
    expect(body['error']).toStartWith(code);
    expect(events.at(-1)).toMatchObject({ event: 'given up', detail: String(body['error']) });
    const again = await logIn(city, icn);
    expect(again.events.map(({ event }) => event)).toEqual([
      'asked',
      'given up',
      'asked',
      'given up',
    ]);
  }
});

test('a combined patient is the survivor, whichever id is named, and the timeline says so', async () => {
  const city = await setup({ OH_PATIENT_ID_SOURCE: 'mpi-cerner-id' });
  const { icn, oldPatientId, survivorPatientId } = city.mocks.world.population.special.combined;
  const { body, events } = await logIn(city, icn, ofTenant(oldPatientId));
  expect(body).toMatchObject({ status: 'FINISHED', listed: 3, delivered: 3 });
  expect(events[1]).toMatchObject({
    event: 'identified',
    detail: `OH patient ${survivorPatientId}, into whom ${oldPatientId} was combined`,
  });
  const send = { icn, subject: 'Mine', body: 'Hello.', receivingPoolId: POOL };
  const sent = await city.send({ ...send, cernerId: ofTenant(oldPatientId) });
  await city.pass(0);
  expect(await city.view(sent)).toMatchObject({ status: 'SENT', ohPatientId: survivorPatientId });
});

test('what the feed announces under a former id reaches the survivor, and the timeline says so once', async () => {
  const city = await setup();
  const { icn, oldPatientId, survivorPatientId } = city.mocks.world.population.special.combined;
  const letter = {
    patientId: survivorPatientId,
    subject: 'News',
    body: 'Hello.',
    poolSenderId: POOL,
  };
  const inbox = `${city.mocks.origins.messaging}/_mock/inbox`;
  const written = await fetch(inbox, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...letter, announce: false }),
  });
  const { ohMessageId } = (await written.json()) as { ohMessageId: string };
  const base = city.mocks.env['OH_MESSAGING_BASE_URL'];
  const href = `${base}/demo/patients/${oldPatientId}/inbox/messages/${encodeURIComponent(ohMessageId)}`;
  await city.fault('messaging', { path: '/pools', status: 503, times: 1 });
  const pushed = await fetch(`${city.exchange.url}/oh/feed`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/atom+xml' },
    body: `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:x:1</id><title>x</title><updated>2025-10-08T14:00:00Z</updated><link href="${href}"/></entry>`,
  });
  expect(pushed.status).toBe(202);
  await city.pass(0);
  await city.pass(60_000);
  const view = await city.viewOf(ohMessageId);
  expect(view).toMatchObject({ status: 'SENT', icn });
  expect(view.events.filter(({ event }) => event === 'combined')).toMatchObject([
    { detail: `OH patient ${oldPatientId} was combined into ${survivorPatientId}` },
  ]);
});

test('an id of another tenant is nobody here, or somebody else: nothing is guessed', async () => {
  const city = await setup({ OH_PATIENT_ID_SOURCE: 'mpi-cerner-id' });
  const { icn } = city.patient(1);
  const stranger = await logIn(city, icn, ofTenant('77777777'));
  expect(stranger.body).toMatchObject({
    status: 'ERROR',
    error: 'fhir:patient-unknown: OH has no patient with the id that the caller named.',
  });
  const somebodyElse = await logIn(city, icn, ofTenant(city.patient(2).ohPatientId));
  expect(somebodyElse.body).toMatchObject({ status: 'ERROR' });
  expect(somebodyElse.body['error']).toStartWith('fhir:patient-mismatch');
  expect(await city.atMhv()).toEqual([]);
  // A wrong name is not held against the patient who logs in without one.
  expect((await logIn(city, icn)).body).toMatchObject({ status: 'FINISHED', listed: 8 });
});

test('what the feed of another tenant announces is refused by name and kept', async () => {
  const city = await setup();
  const base = city.mocks.env['OH_MESSAGING_BASE_URL'];
  const href = `${base}/other/patients/1000001/inbox/messages/3000000001%3A-6%3A0%3A0`;
  const pushed = await fetch(`${city.exchange.url}/oh/feed`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/atom+xml' },
    body: `<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><entry><id>urn:x:1</id><title>x</title><updated>2025-10-08T14:00:00Z</updated><link href="${href}"/></entry></feed>`,
  });
  expect(await pushed.json()).toEqual({ accepted: 0, duplicates: 0, rejected: 1 });
  const list = (await (await fetch(`${city.exchange.url}/quarantine`)).json()) as {
    documents: { id: string }[];
  };
  const kept = await fetch(`${city.exchange.url}/quarantine/${list.documents[0]?.id}`);
  expect(await kept.text()).toContain('names another authority');
});
