/** The audit as JSON lines, a page at a time, so that its length does not matter. */
import type { AuditStore, AuditStretch } from './audit.ts';

const ROWS_PER_PAGE = 500;

/** Oldest first; each chunk is some whole lines in UTF-8, a line for each row with `at` in RFC 3339. */
export async function* exportLines(
  audit: Pick<AuditStore, 'list'>,
  stretch: AuditStretch,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let after = 0;
  for (;;) {
    const rows = await audit.list(stretch, { after, limit: ROWS_PER_PAGE });
    const last = rows.at(-1);
    if (!last) return;
    const lines = rows.map((row) => JSON.stringify({ ...row, at: new Date(row.at).toISOString() }));
    yield encoder.encode(`${lines.join('\n')}\n`);
    after = last.seq;
  }
}
