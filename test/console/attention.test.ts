/** What needs a person, and which page of the runbook says more. */
import { expect, test } from 'bun:test';
import { concernsOf } from '../../src/http/console/attention.ts';
import type { DestinationView } from '../../src/queue/engine.ts';
import { setup } from '../http/setup.ts';
import { alerts } from '../telemetry/operations.ts';

const HOUR_MS = 3_600_000;
const failing = { state: 'open', failuresInARow: 5, inHand: 0 } as const;
const destinations: DestinationView[] = [
  { destination: 'oh-to-mhv', ...failing, translation: failing },
  { destination: 'mhv-to-oh', ...failing, state: 'paused', translation: failing },
];

test('all that can need a person is told with a page of the runbook, the most urgent first', async () => {
  const { store } = setup();
  const well = await store.console.standing();
  const one = { count: 1, isMore: false };
  const now = Date.now();
  const { poller: _poller, ...unpolled } = well;
  const bad = {
    ...unpolled,
    freeDiskBytes: 0,
    unmapped: one,
    quarantined: one,
    histories: { ...well.histories, dead: one },
    lanes: well.lanes.map((lane) => ({ ...lane, dead: one, oldestAt: now - HOUR_MS })),
  };
  const concerns = concernsOf(bad, destinations, false, now);
  expect(concerns.map(({ what }) => what)).toEqual([
    'Nobody delivers',
    '0 bytes left on the disk',
    'My HealtheVet does not take messages',
    'OH to MHV: nothing can be translated',
    'MHV to OH: nothing can be translated',
    '4 messages were given up',
    'Oracle Health is paused',
    '1 message waits for a pool',
    '1 document in quarantine',
    '1 history was given up',
    ...bad.lanes.map(({ lane: { direction, stage } }) => {
      const [from, to] = direction === 'oh-to-mhv' ? ['OH', 'MHV'] : ['MHV', 'OH'];
      const end = stage === 'inbox' ? 'translated' : 'delivered';
      return `${from} to ${to}: the oldest has waited 1 h to be ${end}`;
    }),
  ]);
  const names = alerts().map(({ alert }) => alert);
  expect(concerns.filter(({ runbook = '' }) => !names.includes(runbook))).toEqual([]);
});
