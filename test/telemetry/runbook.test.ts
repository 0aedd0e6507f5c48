/** The runbook: what it tells a person to do can be done. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { refused } from '../console/site.ts';
import { entryXml, feedXml, setup } from '../http/setup.ts';
import { RUNBOOK } from './operations.ts';

const well = { state: 'closed', failuresInARow: 0, inHand: 0 } as const;
const destinations = {
  list: async () => [{ destination: 'oh-to-mhv' as const, ...well, translation: well }],
  pause: async () => {},
  resume: async () => {},
};

test('each page says what the alert means, what to look at and what to do', () => {
  const [, ...pages] = readFileSync(RUNBOOK, 'utf8').split(/^## /m);
  for (const page of pages) {
    expect(page.match(/^\*\*\w+\.\*\*/gm)).toEqual(['**Means.**', '**Look.**', '**Do.**']);
  }
});

test('every query of the runbook runs on a file of the exchange', () => {
  const { query } = setup({ mode: 'none' });
  const queries = [
    ...readFileSync(RUNBOOK, 'utf8').matchAll(/sqlite3 (?:-header )?"\$DB" "([^"]+)"/g),
  ];
  expect(queries.length).toBeGreaterThan(8);
  for (const [, sql = ''] of queries) expect(query(sql)).toBeArray();
});

test('every request of the runbook is one that the exchange takes', async () => {
  const asked = [
    ...readFileSync(RUNBOOK, 'utf8').matchAll(/\bask (\/[\w/…-]*)(?: -d '([^']*)')?/g),
  ];
  expect(asked.length).toBeGreaterThan(8);
  for (const [command, path = '', body] of asked) {
    const made = setup({ mode: 'none' }, 1000, { destinations });
    const message = await refused(made);
    await made.push(feedXml(entryXml(1), '<entry><id>urn:x</id></entry>'));
    const [document] = (await made.store.operator.listQuarantined({ limit: 1 })).documents;
    const id = path.startsWith('/quarantine') ? (document?.id ?? '') : message;
    const answer = await fetch(made.url + path.replace('…', id), {
      ...(body === undefined ? {} : { method: 'POST', body: body.replaceAll('…', 'oh:400') }),
      headers: { 'Content-Type': 'application/json' },
    });
    expect([command, answer.status < 300 ? 'taken' : await answer.text()]).toEqual([
      command,
      'taken',
    ]);
  }
});

test('links from the runbook lead to a section that is there', async () => {
  const runbook = readFileSync(RUNBOOK, 'utf8');
  const readme = await Bun.file(`${import.meta.dir}/../../README.md`).text();
  const anchors = (text: string) =>
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
  const targets = [...runbook.matchAll(/\]\((?:\.\.\/\.\.\/README\.md)?#([\w-]+)\)/g)];
  expect(targets.length).toBeGreaterThan(10);
  const known = new Set([...anchors(runbook), ...anchors(readme)]);
  expect(targets.map(([, anchor = '']) => anchor).filter((anchor) => !known.has(anchor))).toEqual(
    [],
  );
});
