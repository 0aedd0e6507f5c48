/** Systems that turn against the exchange: each stands before a mock, and answers what it likes instead. */
import { afterwards } from '../afterwards.ts';
import { FEED_TOKEN, type Fort, fort } from './setup.ts';

/** The answer to a request, or undefined: the mock's own. */
export type Malice = (request: Request) => Response | Promise<Response> | undefined;

/** Where each variable leads behind the hostile server. */
const MOCKS = {
  MHV_BASE_URL: 'mhv',
  OH_MESSAGING_BASE_URL: 'messaging',
  OH_FHIR_BASE_URL: 'fhir',
  OH_MEDIA_BASE_URL: 'media',
  OH_AUTH_TOKEN_URL: 'auth',
} as const;

/** An exchange for which the system behind `variable` is this server; `seen` are the requests it got. */
export async function fortAgainst(
  variable: keyof typeof MOCKS,
  malice: Malice,
  env: Record<string, string> = {},
): Promise<Fort & { seen: Request[] }> {
  let behind = '';
  const seen: Request[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      seen.push(request.clone());
      const own = malice(request);
      if (own !== undefined) return own;
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = request.body ? { body: await request.arrayBuffer() } : {};
      return fetch(behind + pathname + search, { method, headers, redirect: 'manual', ...body });
    },
  });
  afterwards(() => server.stop(true));
  const site = await fort((mocks) => {
    behind = mocks.origins[MOCKS[variable]];
    const { pathname } = new URL(mocks.env[variable] ?? '');
    return { [variable]: server.url.origin + pathname, ...env };
  });
  return Object.assign(site, { seen });
}

/** A server that should never be asked anything, and what it was asked. */
export function bystander(): { origin: string; seen: string[] } {
  const seen: string[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      seen.push(`${request.method} ${request.url}`);
      return new Response('{}');
    },
  });
  afterwards(() => server.stop(true));
  return { origin: server.url.origin, seen };
}

/** A clinician's message to the first patient, announced by a push; returns the answer of the feed. */
export async function clinicianWrites(
  { mocks, patient, ask, env }: Fort,
  letter: Record<string, unknown> = {},
): Promise<Response> {
  const written = await fetch(`${mocks.origins.messaging}/_mock/inbox`, {
    method: 'POST',
    body: JSON.stringify({
      patientId: patient(1).ohPatientId,
      poolSenderId: '2000001',
      subject: 'Results',
      body: 'All is well.',
      announce: false,
      ...letter,
    }),
  });
  const { ohMessageId } = (await written.json()) as { ohMessageId: string };
  const id = encodeURIComponent(ohMessageId);
  const path = `/demo/patients/${patient(1).ohPatientId}/inbox/messages/${id}`;
  return ask('POST', '/oh/feed', {
    as: FEED_TOKEN,
    headers: { 'Content-Type': 'application/atom+xml' },
    body: `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:zztest:${id}</id><title>t</title>
<updated>2025-10-08T14:15:40Z</updated>
<link rel="alternate" href="${env['OH_MESSAGING_BASE_URL']}${path}"/></entry>`,
  });
}
