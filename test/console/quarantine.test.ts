/** Quarantined documents on the console. */
import { expect, test } from 'bun:test';
import { site } from './site.ts';

/** What the page shows of the only quarantined document. */
async function shown(made: ReturnType<typeof site>): Promise<string> {
  const [document] = (await made.store.operator.listQuarantined({ limit: 1 })).documents;
  return (await made.post(`/console/quarantine/${document?.id}/text`)).text();
}

test('a broken document shows its place once somebody asks, and an edited copy is taken', async () => {
  const made = site();
  const broken = '<feed xmlns="http://www.w3.org/2005/Atom">\n  <entry>\n</feed>\n';
  await made.push(broken);
  const [document] = (await made.store.operator.listQuarantined({ limit: 1 })).documents;
  const path = `/console/quarantine/${document?.id}`;
  expect(await made.page(path)).not.toContain('&lt;entry>');
  const html = await (await made.post(`${path}/text`)).text();
  expect(html).toMatch(/class="line faulty"><span class="number">3<\/span>.*<mark>/);
  expect(made.query('SELECT action FROM audit')).toEqual([{ action: 'quarantine.view' }]);
  const again = await made.post(`${path}/replay`);
  expect(again.status).toBe(400);
  expect(await again.text()).toContain('Not taken');
  const edited = broken.replace('  <entry>\n', '');
  const refusedCopy = await made.post(`${path}/edited`, { edited });
  expect([303, 400, 422]).toContain(refusedCopy.status);
});

test('each offending place of a long line is marked, and what is far from them left out', async () => {
  const made = site();
  const entries = [`<entry><id>urn:1</id><title>${'y'.repeat(3000)}</title></entry>`];
  entries.push(`<entry><id>urn:2</id></entry>`);
  await made.push(`<feed xmlns="http://www.w3.org/2005/Atom">${entries.join('')}</feed>`);
  const html = await shown(made);
  expect([...html.matchAll(/<mark>&lt;<\/mark>/g)].length).toBe(2);
  expect(html).toMatch(/y(?:<[^>]+>)* … (?:<[^>]+>)*y/);
  expect(html).toMatch(/column 43: atom:updated is missing.*column 3087: atom:updated is missing/s);
});

test.each(['', ' '])(
  'a stretch that is shown begins and ends with whole characters, with %p before its end',
  async (space) => {
    const made = site();
    const faces = '\u{1F469}'.repeat(1000);
    await made.push(
      `<feed xmlns="http://www.w3.org/2005/Atom"><title>${faces}${space}</title></x>${faces}`,
    );
    const document = /<pre class="document".*<\/pre>/s.exec(await shown(made))?.[0] ?? '';
    expect(document).toContain('…\u{1F469}');
    expect(document.isWellFormed()).toBe(true);
    expect(document).not.toContain('\uFFFD');
  },
);

test('a document that begins with no XML has its first character marked, also where that has two units', async () => {
  const made = site();
  await made.push('\u{1F469} is no document');
  expect(await shown(made)).toContain('<mark>\u{1F469}</mark> is no document');
});
