/** An archive of linked Atom documents, from a folder and from a URL, against what OH's API lists. */
import { expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Mocks } from '../../src/mocks/mocks.ts';
import { afterwards } from '../afterwards.ts';
import { endOf, readyLine, run, type Town, town } from './setup.ts';

const PAGES = 50;

const SCRIPT = 'scripts/migrate-history.ts';
/** Programs start slowly while others compute, and each migration starts two. */
const PATIENCE_MS = 170_000;

interface Migrated {
  out: string;
  status: number;
  atMhv: string[];
}

interface Site extends Town {
  /** What the server answers, by page; a page that is not there is a 404. */
  pages: Map<number, string>;
  url: (page: number) => string;
  /** Pages that were asked for, in order. */
  hits: number[];
  /** The page whose second reading is never answered. */
  held: { page?: number };
  /** Migrates into a fresh file through an exchange of its own; what MHV has then, in its order. */
  migrate: (...args: string[]) => Promise<Migrated>;
}

async function setup(messagesPerPatient: number): Promise<Site> {
  const at = await town();
  const { mocks, folder, post } = at;
  await post(`${mocks.origins.mhv}/_mock/seed`, { patients: 4, messagesPerPatient });
  const pages = new Map<number, string>();
  const hits: number[] = [];
  const held: Site['held'] = {};
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const number = Number(new URL(request.url).pathname.split('/').at(-1));
      hits.push(number);
      const isSecond = hits.filter((hit) => hit === number).length === 2;
      if (held.page === number && isSecond) return new Promise<Response>(() => {});
      const page = pages.get(number);
      return new Response(page ?? '', { status: page === undefined ? 404 : 200 });
    },
  });
  afterwards(() => server.stop(true));
  const url = (page: number) => `${server.url.origin}/archive/${page}`;
  fillPages(mocks, pages, url);
  let files = 0;
  return {
    ...at,
    pages,
    hits,
    held,
    url,
    async migrate(...args) {
      await post(`${mocks.origins.mhv}/_mock/reset`, {});
      files += 1;
      const env = { ...at.env, DATABASE_PATH: join(folder, `exchange-${files}.db`) };
      const exchange = run('src/main.ts', env);
      await readyLine(exchange);
      const { out, status } = await endOf(run(SCRIPT, env, args));
      exchange.kill('SIGTERM');
      await exchange.exited;
      return { out, status, atMhv: await storedAtMhv(at) };
    },
  };
}

async function storedAtMhv({ mocks, get }: Town): Promise<string[]> {
  const stored = await get<Record<string, unknown>[]>(`${mocks.origins.mhv}/_mock/messages`);
  return stored.map(({ ohMessageId, icn, subject, body, sentDate, repeats }) =>
    JSON.stringify({ icn, sentDate, ohMessageId, subject, body, repeats }),
  );
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

test(
  'an archive from a folder and from a URL gives what the API gives, in each patient’s order',
  async () => {
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
  },
  PATIENCE_MS,
);

test(
  'a missing page, a malformed page and a cycle are reported and skipped, the rest is done',
  async () => {
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
    const url = await site.migrate('--archive', site.url(PAGES));
    const folder = await site.migrate('--archive', await toFolder(site));
    for (const { status, atMhv } of [url, folder]) {
      expect(status).toBe(1);
      // Two entries on each of 48 pages, each once.
      expect(atMhv).toHaveLength(96);
      expect(atMhv.filter((line) => !line.endsWith('"repeats":0}'))).toEqual([]);
    }
    expect(perPatient(folder.atMhv)).toEqual(perPatient(url.atMhv));
    const malformed = 'skipped and kept in quarantine: Expected the end tag of feed';
    for (const line of [
      `${site.url(40)}: the links go in a circle; not followed`,
      `${site.url(30)}: archive:404: The page was answered 404.`,
      `${site.url(20)}: ${malformed}`,
    ]) {
      expect(url.out).toContain(line);
    }
    for (const line of [
      '60.xml: the links go in a circle; not followed',
      ': archive:missing: A link leads to a document that is not in the folder.',
      `80.xml: ${malformed}`,
    ]) {
      expect(folder.out).toContain(line);
    }
  },
  PATIENCE_MS,
);

test(
  'after kill -9 pages that were taken are not fetched again, yet all is reconciled',
  async () => {
    const site = await setup(25);
    // The newest document still grows, so it is no archive yet.
    site.pages.set(PAGES, (site.pages.get(PAGES) ?? '').replace('<fh:archive/>', ''));
    await readyLine(run('src/main.ts', site.env));
    const args = ['--archive', site.url(PAGES)];
    site.held.page = 25;
    const killed = run(SCRIPT, site.env, args);
    while (site.hits.filter((page) => page === 25).length < 2) await Bun.sleep(20);
    killed.kill('SIGKILL');
    await killed.exited;
    const fetched = () => [...new Set(site.hits.splice(0))].toSorted((a, b) => a - b);
    expect(fetched()).toHaveLength(PAGES);

    delete site.held.page;
    const second = await endOf(run(SCRIPT, site.env, args));
    expect(fetched()).toEqual(Array.from({ length: 26 }, (_, index) => 25 + index));
    expect(second.out).toContain(
      '26 documents: 52 accepted, 0 known, 0 faults, 24 documents taken before',
    );
    expect(second.out).toContain('100  OH has\n      100  MHV has\n        0  missing');
    expect(second.status).toBe(0);

    const third = await endOf(run(SCRIPT, site.env, args));
    expect(fetched()).toEqual([PAGES]);
    expect(third.out).toContain('100  OH has\n      100  MHV has\n        0  missing');
    const atMhv = await storedAtMhv(site);
    expect(atMhv).toHaveLength(100);
    expect(new Set(atMhv).size).toBe(100);
  },
  PATIENCE_MS,
);

test(
  'a rate spreads the entries of an archive, and only those of the stretch are taken',
  async () => {
    const site = await setup(25);
    const dates = [...site.mocks.world.mailbox.byId.values()]
      .filter(({ patientId }) =>
        site.mocks.world.population.ordinary.some(({ ohPatientId }) => ohPatientId === patientId),
      )
      .map(({ createdAt }) => createdAt)
      .toSorted((a, b) => a - b);
    const since = new Date(Math.floor(dates[95] ?? 0)).toISOString();
    const { url } = await readyLine(run('src/main.ts', site.env));
    const args = ['--archive', site.url(PAGES), '--since', since, '--rate', '2'];
    const { out, status } = await endOf(run(SCRIPT, site.env, args));
    expect(out).toContain('50 documents: 5 accepted, 0 known, 0 faults');
    expect(status).toBe(0);
    const { messages } = await site.get<{ messages: { acceptedAt: string }[] }>(`${url}/messages`);
    const at = messages.map(({ acceptedAt }) => Date.parse(acceptedAt)).toSorted((a, b) => a - b);
    // One, half a second later two, and a second later the last two.
    expect((at[2] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(499);
    expect((at[4] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(1499);
  },
  PATIENCE_MS,
);

test(
  'a dry run accepts nothing, and a report names each message with what became of it',
  async () => {
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
  },
  PATIENCE_MS,
);
