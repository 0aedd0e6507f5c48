/** What is known of OH messages: their MHV ids, their references, their pools. */
import type { Instant } from '../message.ts';
import { compiled } from './compiled.ts';
import type { Db } from './open.ts';
import type { links } from './schema-links.ts';
import type { Link } from './store.ts';

const COLUMNS = {
  direction: 'direction',
  mhvMessageId: 'mhv_message_id',
  mhvThreadId: 'mhv_thread_id',
  ohReferenceId: 'oh_reference_id',
  ohPoolId: 'oh_pool_id',
} satisfies Partial<Record<keyof Link, string>>;

/** Fills what is empty and replaces what is given anew; an absent field changes nothing. */
export function learn(db: Db, learned: Link[], now: Instant): void {
  for (const link of learned) {
    const given = (Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]).flatMap((field) => {
      const value = link[field];
      return value === undefined ? [] : [{ column: COLUMNS[field], value }];
    });
    const columns = given.map(({ column }) => `, ${column}`).join('');
    const anew = given.map(({ column }) => `${column} = excluded.${column}`).join(', ');
    compiled<(string | number)[]>(
      db,
      `INSERT INTO links (oh_message_id, linked_at${columns})
       VALUES (?, ?${', ?'.repeat(given.length)})
       ON CONFLICT (oh_message_id) DO ${anew ? `UPDATE SET ${anew}` : 'NOTHING'}`,
    ).run(link.ohMessageId, now, ...given.map(({ value }) => value));
  }
}

type Row = Omit<typeof links.$inferSelect, 'linkedAt'>;

const SELECT = `SELECT oh_message_id AS ohMessageId, direction, mhv_message_id AS mhvMessageId,
  mhv_thread_id AS mhvThreadId, oh_reference_id AS ohReferenceId, oh_pool_id AS ohPoolId FROM links`;

export function linkOf(db: Db, ohMessageId: string): Link | undefined {
  const row = compiled<[string], Row>(db, `${SELECT} WHERE oh_message_id = ?`).get(ohMessageId);
  return row && toLink(row);
}

export function linksOfReferences(db: Db, ohReferenceIds: string[]): Link[] {
  const find = compiled<[string], Row>(db, `${SELECT} WHERE oh_reference_id = ?`);
  return ohReferenceIds.flatMap((reference) => find.all(reference)).map(toLink);
}

function toLink(row: Row): Link {
  return {
    ohMessageId: row.ohMessageId,
    ...(row.direction ? { direction: row.direction } : {}),
    ...(row.mhvMessageId ? { mhvMessageId: row.mhvMessageId } : {}),
    ...(row.mhvThreadId ? { mhvThreadId: row.mhvThreadId } : {}),
    ...(row.ohReferenceId ? { ohReferenceId: row.ohReferenceId } : {}),
    ...(row.ohPoolId ? { ohPoolId: row.ohPoolId } : {}),
  };
}
