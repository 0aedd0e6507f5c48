/** What a person types to say which messages are to be replayed. */
import type { Static } from '@sinclair/typebox';
import { t } from 'elysia';
import type { ReplayFilter } from '../../store/operator.ts';
import { DEFAULT_PACE, MAX_LIMIT, MAX_RATE_PER_SECOND } from '../operator-schemas.ts';
import { instantOf } from './fields.tsx';
import { DIRECTIONS, number } from './words.ts';

const text = (maxLength: number) => t.Optional(t.String({ maxLength }));
/** Fields of the form. */
export const replayFields = t.Object({
  csrf: t.String(),
  status: text(20),
  direction: text(20),
  errorCode: text(64),
  httpStatusClass: text(3),
  receivingPoolId: text(19),
  icn: text(17),
  since: text(40),
  until: text(40),
  limit: text(6),
  ratePerSecond: text(6),
});

/** As somebody typed them; an empty one is one that was left out. */
export type ReplayFields = Partial<Omit<Static<typeof replayFields>, 'csrf'>>;

/** What the form asks for, or what is wrong with it. */
export interface Asked {
  filter: ReplayFilter;
  pace: typeof DEFAULT_PACE;
  faults: string[];
}

/** A slip must not replay everything, nor ask after years of delivered messages. */
export function askedOf(fields: ReplayFields): Asked {
  const faults: string[] = [];
  const given = Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      value?.trim() ? [[name, value.trim()]] : [],
    ),
  ) as ReplayFields;
  const one = <Word extends string>(
    name: keyof ReplayFields,
    words: readonly Word[],
  ): Word | undefined => {
    const found = words.find((word) => word === given[name]);
    if (given[name] !== undefined && found === undefined) faults.push(`${name}: there is no such.`);
    return found;
  };
  const whole = (name: 'limit' | 'ratePerSecond', most: number): number => {
    const value = given[name] === undefined ? DEFAULT_PACE[name] : Number(given[name]);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    faults.push(`${name}: must be a whole number from 1 to ${number(most)}.`);
    return 1;
  };
  const instant = (name: 'since' | 'until'): number | undefined => {
    if (given[name] === undefined) return undefined;
    const at = instantOf(given[name]);
    if (Number.isNaN(at)) faults.push(`${name}: is no day and hour of the calendar.`);
    return at;
  };
  if (given.icn && !/^[0-9]{10}V[0-9]{6}$/.test(given.icn)) {
    faults.push('ICN: must be ten digits, V, six digits.');
  }
  const filter = withoutAbsent({
    status: one('status', ['IN_PROGRESS', 'SENT'] as const),
    direction: one('direction', DIRECTIONS),
    httpStatusClass: one('httpStatusClass', ['4xx', '5xx'] as const),
    errorCode: given.errorCode,
    receivingPoolId: given.receivingPoolId,
    icn: given.icn,
    since: instant('since'),
    until: instant('until'),
  });
  if (filter.status === 'SENT' && filter.since === undefined) {
    faults.push('Accepted since: must be given for messages that were sent.');
  }
  return {
    filter,
    pace: {
      limit: whole('limit', MAX_LIMIT),
      ratePerSecond: whole('ratePerSecond', MAX_RATE_PER_SECOND),
    },
    faults,
  };
}

function withoutAbsent<T extends object>(fields: T) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
