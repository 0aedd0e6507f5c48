/** Where the pages of an archive come from: a folder, or a server. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseAtom } from '../../src/atom/parse.ts';
import { clientTlsOf } from '../../src/clients.ts';
import type { Config } from '../../src/config.ts';
import { ExchangeError } from '../../src/errors.ts';
import { call, type Peer, peerAt, UpstreamError } from '../../src/upstream.ts';

export interface Page {
  body: Uint8Array<ArrayBuffer>;
  contentType?: string;
  baseUrl?: string;
}

/** An address is a file name, or a URL. */
export interface PageSource {
  /** Where to begin: the newest page, or every file that may be one. */
  starts: string[];
  /** True when a page that was taken in need not be read again. */
  remembers: boolean;
  /** Throws UpstreamError when the page is not to be had. */
  read(address: string): Promise<Page>;
  /** The address that a link leads to; undefined when it leads elsewhere. */
  resolve(href: string): string | undefined;
  /** Chains of pages, oldest first. */
  inOrder<T extends { address: string }>(chains: T[][]): T[][];
}

const TRIES = 3;
const TRY_AGAIN_MS = 500;

/**
 * A URL is followed on its own origin only, without redirects. `FEED_ARCHIVE_AUTHORIZATION` is sent
 * as the Authorization header when set.
 */
export async function sourceOf(from: string, config: Config): Promise<PageSource> {
  return /^https?:\/\//.test(from) ? serverSource(from, config) : folderSource(from);
}

function serverSource(start: string, config: Config): PageSource {
  const peer = peerAt(start, clientTlsOf(config).oh);
  const timeoutMs = config.DELIVERY_TIMEOUT_MS;
  const { origin } = new URL(start);
  const authorization = process.env['FEED_ARCHIVE_AUTHORIZATION'];
  return {
    starts: [new URL(start).href],
    remembers: true,
    async read(address) {
      for (let tried = 1; ; tried += 1) {
        try {
          return await get(address, { peer, timeoutMs, authorization });
        } catch (error) {
          const isOver = error instanceof UpstreamError && error.outcome.kind === 'rejected';
          if (isOver || tried === TRIES) throw error;
          await Bun.sleep(TRY_AGAIN_MS * tried);
        }
      }
    },
    resolve(href) {
      if (!URL.canParse(href)) return undefined;
      const url = new URL(href);
      url.hash = '';
      return url.origin === origin ? url.href : undefined;
    },
    inOrder: (chains) => chains,
  };
}

async function get(
  url: string,
  {
    peer,
    timeoutMs,
    authorization,
  }: { peer: Peer; timeoutMs: number; authorization: string | undefined },
): Promise<Page> {
  const context = { signal: AbortSignal.timeout(timeoutMs), correlationId: Bun.randomUUIDv7() };
  const headers: Record<string, string> = { accept: 'application/atom+xml' };
  if (authorization !== undefined) headers['authorization'] = authorization;
  const system = 'archive';
  const answer = await call({
    system,
    peer,
    method: 'GET',
    url,
    headers,
    timeoutMs,
    effect: 'read',
    context,
  });
  if (answer.status === 200) {
    const contentType = answer.headers.get('content-type');
    return { body: answer.body, baseUrl: url, ...(contentType ? { contentType } : {}) };
  }
  throw new UpstreamError({
    kind: answer.status >= 500 || answer.status === 429 ? 'retry' : 'rejected',
    code: `${system}:${answer.status}`,
    reason: `The page was answered ${answer.status}.`,
  });
}

/** Links lead to a file by the `self` link of its document, or by its name. */
async function folderSource(folder: string): Promise<PageSource> {
  const names = (await readdir(folder)).filter((name) => /\.(xml|atom)$/i.test(name)).toSorted();
  const readFile = async (name: string) => ({
    body: new Uint8Array(await Bun.file(join(folder, name)).arrayBuffer()),
    baseUrl: new URL(encodeURIComponent(name), 'file:///').href,
  });
  const bySelf = new Map<string, string>();
  const begins = new Map<string, number>();
  const linkedTo = new Set<string>();
  for (const name of names) {
    const { links, first } = await glance(await readFile(name));
    if (first !== undefined) begins.set(name, first);
    for (const { rel, href } of links) {
      if (rel === 'self') bySelf.set(href, name);
      if (rel === 'prev-archive' || rel === 'next') linkedTo.add(href);
    }
  }
  const nameOf = (href: string): string => {
    const last = decodeURIComponent(basename(new URL(href, 'file:///').pathname));
    return bySelf.get(href) ?? last;
  };
  const targets = new Set([...linkedTo].map(nameOf));
  const isTarget = (name: string) => targets.has(name);
  const beginOf = (chain: { address: string }[]) =>
    Math.min(...chain.map(({ address }) => begins.get(address) ?? Number.POSITIVE_INFINITY));
  return {
    starts: [...names.filter((name) => !isTarget(name)), ...names.filter(isTarget)],
    remembers: false,
    async read(name) {
      if (names.includes(name)) return readFile(name);
      const reason = 'A link leads to a document that is not in the folder.';
      throw new UpstreamError({ kind: 'rejected', code: 'archive:missing', reason });
    },
    resolve: nameOf,
    inOrder: (chains) => chains.toSorted((a, b) => beginOf(a) - beginOf(b)),
  };
}

async function glance({ body, baseUrl }: Page) {
  try {
    const { links, entries } = parseAtom(body, { baseUrl });
    const first = Math.min(...entries.map(({ updatedAt }) => updatedAt));
    return { links, ...(entries.length > 0 ? { first } : {}) };
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return { links: [] };
  }
}
