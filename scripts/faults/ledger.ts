/** What was asked of the exchange and what it acknowledged, held against what the destinations have. */
import type { City } from './city.ts';

export type Way = 'to MHV' | 'to OH';

/** One message as its writer knows it. */
export interface Written {
  way: Way;
  /** OH message id to MHV; to OH the subject, which is no other message's. */
  key: string;
  patient: string;
  /** When the exchange was first asked to carry it, and when it first said 2xx (`performance.now()`). */
  askedAt: number;
  acknowledgedAt?: number;
}

export interface Balance {
  written: number;
  acknowledged: number;
  delivered: number;
  /** Delivered again after it was there, absorbed by the destination or not. */
  doubled: number;
  /** Acknowledged and not there. */
  lost: number;
  /** Delivered in another order than accepted. */
  outOfOrder: number;
  dead: number;
}

/** A message that a destination keeps, in the order in which it stored them. */
interface Kept {
  way: Way;
  key: string;
  patient: string;
  /** How often it came again and was recognized. */
  repeats: number;
}

/** Compares the ledger with the destinations and with the order of acceptance in the file. */
export function balance(city: City, ledger: Written[]): Balance {
  const kept = [...keptByMhv(city), ...keptByOh(city)];
  const copies = new Map<string, number>();
  for (const { key, repeats } of kept) copies.set(key, (copies.get(key) ?? 0) + 1 + repeats);
  const acknowledged = ledger.filter(({ acknowledgedAt }) => acknowledgedAt !== undefined);
  const [dead] = city.ask<{ n: number }>(
    `SELECT (SELECT count(*) FROM inbox WHERE state = 'dead') +
            (SELECT count(*) FROM outbox WHERE state = 'dead') AS n`,
  );
  return {
    written: ledger.length,
    acknowledged: acknowledged.length,
    delivered: copies.size,
    doubled: [...copies.values()].reduce((sum, count) => sum + count - 1, 0),
    lost: acknowledged.filter(({ key }) => !copies.has(key)).length,
    outOfOrder: outOfOrder(city, kept, ledger),
    dead: dead?.n ?? 0,
  };
}

/** Sentences for what breaks the promise. */
export function complaintsOf(found: Balance): string[] {
  const { doubled, lost, outOfOrder: moved, dead } = found;
  return [
    ...(lost > 0 ? [`${lost} acknowledged messages were lost`] : []),
    ...(doubled > 0 ? [`${doubled} deliveries were made again`] : []),
    ...(moved > 0 ? [`${moved} messages of a patient came out of order`] : []),
    ...(dead > 0 ? [`${dead} rows are dead`] : []),
  ];
}

function keptByMhv({ mocks }: City): Kept[] {
  return [...mocks.world.mhv.messages.values()].map(({ ohMessageId = '', icn, repeats }) => ({
    way: 'to MHV',
    key: ohMessageId,
    patient: icn,
    repeats,
  }));
}

function keptByOh({ mocks }: City): Kept[] {
  return [...mocks.world.mailbox.byId.values()]
    .filter(({ sent }) => sent !== undefined)
    .map(({ subject, patientId }) => ({
      way: 'to OH',
      key: subject,
      patient: patientId,
      repeats: 0,
    }));
}

/**
 * Counts messages that stand before one of the same patient and way that was accepted earlier: by the
 * file's order of acceptance, and by what the writers saw (acknowledged before the other was asked for).
 */
function outOfOrder(city: City, kept: Kept[], ledger: Written[]): number {
  const seqOf = new Map(
    city
      .ask<{ key: string; seq: number }>(
        `SELECT CASE direction WHEN 'mhv-to-oh' THEN 'Message ' || mhv_message_id
                               ELSE oh_message_id END AS key, min(seq) AS seq
         FROM inbox GROUP BY 1`,
      )
      .map(({ key, seq }) => [key, seq]),
  );
  const writtenOf = new Map(ledger.map((one) => [one.key, one]));
  let count = 0;
  for (const list of Map.groupBy(kept, ({ way, patient }) => `${way} ${patient}`).values()) {
    let earliestSeq = Number.POSITIVE_INFINITY;
    let earliestAck = Number.POSITIVE_INFINITY;
    for (const { key } of list.toReversed()) {
      const seq = seqOf.get(key) ?? Number.NaN;
      const { askedAt = 0, acknowledgedAt = Number.POSITIVE_INFINITY } = writtenOf.get(key) ?? {};
      // A message that is in no row at all is out of order, too.
      if (!(seq < earliestSeq) || earliestAck < askedAt) count += 1;
      earliestSeq = Math.min(earliestSeq, Number.isNaN(seq) ? earliestSeq : seq);
      earliestAck = Math.min(earliestAck, acknowledgedAt);
    }
  }
  return count;
}
