/** An archive of linked Atom documents, from a folder and from a URL, against what OH's API lists. */
import { afterEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mocks, startMocks } from '../../src/mocks/mocks.ts';

const ROOT = join(import.meta.dir, '..', '..');
const PAGES = 50;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function run(script: string, env: Record<string, string>, args: string[] = []) {
  const child = Bun.spawn([process.execPath, join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  return child;
}

interface Site {
  mocks: Mocks;
  folder: string;
  /** What the server answers, by page; a page that is not there is a 404. */
  pages: Map<number, string>;
  url: (page: number) => string;
  /** Migrates into a fresh file through an exchange of its own; what MHV has then, in its order. */
  migrate: (...args: string[]) => Promise<{ out: string; status: number; atMhv: string[] }>;
}

async function setup(messagesPerPatient: number): Promise<Site> {
  const mocks = await startMocks();
  cleanups.push(() => mocks.stop());
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-archive-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  await fetch(`${mocks.origins.mhv}/_mock/seed`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ patients: 4, messagesPerPatient }),
  });
  const pages = new Map<number, string>();
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const page = pages.get(Number(new URL(request.url).pathname.split('/').at(-1)));
      return new Response(page ?? '', { status: page === undefined ? 404 : 200 });
    },
  });
  cleanups.push(() => server.stop(true));
  const url = (page: number) => `${server.url.origin}/archive/${page}`;
  fillPages(mocks, pages, url);
  let files = 0;
  return {
    mocks,
    folder,
    pages,
    url,
    async migrate(...args) {
      await fetch(`${mocks.origins.mhv}/_mock/reset`, { method: 'POST' });
      files += 1;
      const databasePath = join(folder, `exchange-${files}.db`);
      const env = { ...mocks.env, AUTH: 'none', PORT: '0', DATABASE_PATH: databasePath };
      const exchange = run('src/main.ts', env);
      await exchange.stdout.getReader().read();
      const child = run('scripts/migrate-history.ts', env, args);
      const [out, error] = [child.stdout, child.stderr].map((stream) =>
        new Response(stream).text(),
      );
      const status = await child.exited;
      exchange.kill('SIGTERM');
      await exchange.exited;
      const stored = (await (await fetch(`${mocks.origins.mhv}/_mock/messages`)).json()) as {
        [field: string]: unknown;
      }[];
      const shown = stored.map(({ ohMessageId, icn, subject, body, sentDate, repeats }) =>
        JSON.stringify({ icn, sentDate, ohMessageId, subject, body, repeats }),
      );
      return { out: `${await out}${await error}`, status, atMhv: shown };
    },
  };
}

/** All messages of the ordinary patients by date, newest entry first on each page. */
function fillPages(mocks: Mocks, pages: Map<number, string>, url: (page: number) => string): void {
  const { mailbox, population } = mocks.world;
  const ordinary = new Set(population.ordinary.map(({ ohPatientId }) => ohPatientId));
  const messages = [...mailbox.byId.values()]
    .filter(({ patientId }) => ordinary.has(patientId))
    .toSorted((a, b) => a.createdAt - b.createdAt);
  const perPage = Math.ceil(messages.length / PAGES);
  for (let page = 1; page <= PAGES; page += 1) {
    const entries = messages
      .slice((page - 1) * perPage, page * perPage)
      .toReversed()
      .map(({ id, box, patientId, createdAt }) => {
        const path = `demo/patients/${patientId}/${box}/messages/${encodeURIComponent(id)}`;
        const href = `${mocks.env['OH_MESSAGING_BASE_URL']}/${path}`;
        const updated = new Date(createdAt).toISOString();
        return `<entry><id>urn:example:oh:message:${id}</id><title>x</title><updated>${updated}</updated><link href="${href}"/></entry>`;
      });
    const older = page > 1 ? `<link rel="prev-archive" href="${url(page - 1)}"/>` : '';
    pages.set(
      page,
      `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:fh="http://purl.org/syndication/history/1.0"><id>urn:example:oh</id><fh:archive/><link rel="self" href="${url(page)}"/>${older}${entries.join('')}</feed>`,
    );
  }
}

async function toFolder(site: Site): Promise<string> {
  const into = join(site.folder, 'archive');
  mkdirSync(into, { recursive: true });
  for (const [page, document] of site.pages) {
    // Names that sort against the order of the archive.
    await Bun.write(join(into, `${100 - page}.xml`), document);
  }
  return into;
}

function perPatient(stored: string[]): Record<string, string[]> {
  return Object.groupBy(stored, (line) => String(JSON.parse(line).icn)) as Record<string, string[]>;
}

test('an archive from a folder and from a URL gives what the API gives, in each patient’s order', async () => {
  const site = await setup(25);
  const list = join(site.folder, 'patients.txt');
  const icns = site.mocks.world.population.ordinary.map(({ icn }) => icn);
  await Bun.write(list, icns.join('\n'));
  const api = await site.migrate('--patients', list);
  const folder = await site.migrate('--archive', await toFolder(site));
  const url = await site.migrate('--archive', site.url(PAGES));
  const notDone = [api, folder, url].filter(({ status }) => status !== 0).map(({ out }) => out);
  expect(notDone).toEqual([]);
  expect(api.atMhv).toHaveLength(100);
  expect(perPatient(folder.atMhv)).toEqual(perPatient(api.atMhv));
  expect(perPatient(url.atMhv)).toEqual(perPatient(api.atMhv));
}, 60_000);

test('a missing page, a malformed page and a cycle are reported and skipped, the rest is done', async () => {
  const site = await setup(25);
  site.pages.delete(30);
  site.pages.set(20, (site.pages.get(20) ?? '').replace('</feed>', '</fed>'));
  site.pages.set(
    1,
    (site.pages.get(1) ?? '').replace(
      '<fh:archive/>',
      `<link rel="prev-archive" href="${site.url(40)}"/>`,
    ),
  );
  for (const archive of [site.url(PAGES), await toFolder(site)]) {
    const { out, status, atMhv } = await site.migrate('--archive', archive);
    expect(status).toBe(1);
    expect(out).toContain('archive:');
    expect(out).toContain('skipped and kept in quarantine');
    expect(out).toContain('the links go in a circle');
    // Two entries on each of 48 pages.
    expect(atMhv).toHaveLength(96);
  }
}, 60_000);

test('a dry run accepts nothing, and a report names each message with what became of it', async () => {
  const site = await setup(5);
  const dry = await site.migrate('--archive', site.url(PAGES), '--dry-run');
  expect(dry).toMatchObject({ status: 0, atMhv: [] });
  expect(dry.out).toContain('20 to accept, 0 known, 0 faults');
  const list = join(site.folder, 'patients.txt');
  const report = join(site.folder, 'report.csv');
  const { icn } = site.mocks.world.population.ordinary[0] ?? { icn: '' };
  await Bun.write(list, `${icn}\n${site.mocks.world.population.special.unknownIcn}\n`);
  const args = ['--patients', list, '--report', report, '--verify-at-mhv'];
  const { out, status } = await site.migrate(...args);
  expect(status).toBe(1);
  expect(out).toContain('patient 2: ERROR fhir:patient-unknown');
  expect(out).not.toContain(icn);
  const lines = (await Bun.file(report).text()).trim().split('\r\n');
  expect(lines).toHaveLength(1 + 5 + 1);
  expect(lines[1]).toMatch(new RegExp(`^patient 1,${icn},[^,]+,[^,]+,\\d+,SENT,$`));
}, 60_000);
