import { expect, test } from 'bun:test';
import type { Outcome } from '../../src/message.ts';
import { verdictOn } from '../../src/queue/verdict.ts';
import { entry, lanes, toMhv } from '../store/setup.ts';

function outcome(
  kind: 'retry' | 'in-doubt' | 'rejected' | 'postponed',
  code: string,
  httpStatus?: number,
): Outcome {
  return { kind, code, reason: 'r', ...(httpStatus === undefined ? {} : { httpStatus }) };
}

test.each([
  outcome('in-doubt', 'mhv:timeout'),
  outcome('retry', 'mhv:no-connection'),
  outcome('in-doubt', 'mhv:connection-lost'),
  outcome('in-doubt', 'mhv:503', 503),
  outcome('in-doubt', 'mhv:99', 500),
  outcome('in-doubt', 'mhv:904', 400),
  outcome('retry', 'mhv:401', 401),
  outcome('retry', 'mhv:403', 403),
  outcome('retry', 'mhv:102', 400),
])('%o speaks against the destination', (trouble) => {
  const { code } = trouble as { code: string };
  expect(verdictOn(lanes.toMhv, trouble)).toEqual({ code, slowDown: false });
});

test.each([
  [429, undefined],
  [429, 7000],
  [503, 7000],
])('%i with Retry-After %p ms asks for a pause', (httpStatus, retryAfterMs) => {
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
  const slow = { ...outcome('retry', `mhv:${httpStatus}`, httpStatus), ...asked };
  expect(verdictOn(lanes.toMhv, slow)).toEqual({
    code: `mhv:${httpStatus}`,
    slowDown: true,
    ...asked,
  });
});

test.each([
  outcome('rejected', 'mhv:119', 400),
  { kind: 'delivered', ids: {}, found: true } satisfies Outcome,
  toMhv(entry()),
])('%o is an answer, whatever it is worth to the message', (answer) => {
  expect(verdictOn(lanes.toMhv, answer)).toBe('answered');
});

test.each([
  outcome('in-doubt', 'internal'),
  outcome('retry', 'mhv:unreadable'),
  outcome('in-doubt', 'mhv:99', 400),
  outcome('rejected', 'translate:empty'),
  outcome('postponed', 'later'),
  { kind: 'duplicate', ids: {} } as const,
])('%o says nothing of the destination', (silent) => {
  expect(verdictOn(lanes.toMhv, silent)).toBeUndefined();
});

test('each lane hears only of the systems that all its messages need', () => {
  const isHeard = (lane: (typeof lanes)[keyof typeof lanes], system: string) =>
    verdictOn(lane, outcome('retry', `${system}:503`, 503)) !== undefined;
  const systems = ['mhv', 'oh', 'fhir', 'auth', 'media'];
  expect(systems.filter((system) => isHeard(lanes.toMhv, system))).toEqual(['mhv']);
  for (const lane of [lanes.fromOh, lanes.fromMhv, lanes.toOh]) {
    expect(systems.filter((system) => isHeard(lane, system))).toEqual(['oh', 'fhir', 'auth']);
  }
});
