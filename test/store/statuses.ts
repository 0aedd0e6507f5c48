/** What the file says of a message's status, against what both of its stages say. */
import Database from 'better-sqlite3';

interface Misstated {
  id: string;
  status: string;
  expected: string;
}

/** The messages whose status in the file is not what follows from their rows. */
export function misstated(path: string): Misstated[] {
  const db = new Database(path, { readonly: true });
  try {
    return db
      .prepare<[], Misstated>(
        `SELECT * FROM (SELECT i.id, i.status, CASE
           WHEN i.state = 'pending' THEN 'IN_PROGRESS'
           WHEN i.outcome = 'rejected' THEN 'INVALID'
           WHEN i.outcome NOT IN ('delivered', 'duplicate') THEN 'FAILED'
           WHEN o.state = 'pending' THEN 'IN_PROGRESS'
           WHEN o.outcome = 'rejected' THEN 'INVALID'
           WHEN o.outcome <> 'delivered' THEN 'FAILED'
           ELSE 'SENT' END AS expected
         FROM inbox i LEFT JOIN outbox o ON o.id = coalesce(i.duplicate_of, i.id))
         WHERE status <> expected`,
      )
      .all();
  } finally {
    db.close();
  }
}
