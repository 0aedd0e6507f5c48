import { expect, test } from 'bun:test';
import type { Destinations } from '../../src/http/destinations.ts';
import { START, setup, token } from './setup.ts';

const closed = { state: 'closed', failuresInARow: 0, inHand: 0 } as const;

/** Destinations that remember who paused them. */
function site(auth: Parameters<typeof setup>[0] = {}) {
  const paused = new Map<string, string>();
  const destinations: Destinations = {
    list: async () =>
      (['oh-to-mhv', 'mhv-to-oh'] as const).map((destination) => {
        const pausedBy = paused.get(destination);
        const open = {
          state: 'open',
          openUntil: START,
          failuresInARow: 5,
          code: 'fhir:503',
        } as const;
        return {
          destination,
          ...closed,
          ...(pausedBy ? { state: 'paused' as const, pausedBy, pausedAt: START } : {}),
          ratePerSecond: 2.5,
          translation: { ...open, inHand: 1 },
        };
      }),
    pause: async (destination, actor) => void paused.set(destination, actor),
    resume: async (destination) => void paused.delete(destination),
  };
  const { url } = setup(auth, 1000, { destinations });
  return {
    list: (headers = {}) => fetch(`${url}/destinations`, { headers }),
    act: (path: string, body: unknown = { actor: 'on-call@example.test' }) =>
      fetch(`${url}/destinations/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json' },
      }),
  };
}

test('each destination tells how it stands, instants as RFC 3339', async () => {
  const response = await site().list();
  expect(response.status).toBe(200);
  expect(((await response.json()) as unknown[])[0]).toEqual({
    destination: 'oh-to-mhv',
    ...closed,
    ratePerSecond: 2.5,
    translation: {
      state: 'open',
      openUntil: new Date(START).toISOString(),
      failuresInARow: 5,
      code: 'fhir:503',
      inHand: 1,
    },
  });
});

test('a pause and a resume answer with what they made of the destination', async () => {
  const { act } = site();
  const paused = await act('mhv-to-oh/pause');
  expect(paused.status).toBe(200);
  expect(await paused.json()).toMatchObject({
    destination: 'mhv-to-oh',
    state: 'paused',
    pausedBy: 'on-call@example.test',
    pausedAt: new Date(START).toISOString(),
  });
  const resumed = await act('mhv-to-oh/resume');
  expect(await resumed.json()).toMatchObject({ destination: 'mhv-to-oh', state: 'closed' });
});

test('another name is not found, and without an actor nothing is paused', async () => {
  const { act, list } = site();
  expect((await act('mhv/pause')).status).toBe(404);
  expect((await act('mhv/resume')).status).toBe(404);
  for (const body of [{}, { actor: ' ' }, { actor: 'a', reason: 'b' }]) {
    expect((await act('oh-to-mhv/pause', body)).status).toBe(422);
  }
  expect(await (await list()).json()).toMatchObject([{ state: 'closed' }, { state: 'closed' }]);
});

test('destinations are told and moved only to callers of the API', async () => {
  const { act, list } = site({ mode: 'required', apiTokens: [token('api-1')] });
  expect((await list()).status).toBe(401);
  expect((await act('oh-to-mhv/pause')).status).toBe(401);
  expect((await act('oh-to-mhv/resume')).status).toBe(401);
  expect((await list({ Authorization: 'Bearer api-1' })).status).toBe(200);
});
