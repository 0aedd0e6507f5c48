/**
 * Oracle Health, FHIR and MHV for the `whole` benchmark, in one process: answers in the documented
 * shapes, checks and stores nothing but ids, so that the machine's cores are left to the exchange. Prints
 * one JSON line with the environment that the exchange needs. `MHV_DELAY_MS` delays every answer of MHV,
 * `FAULT_RATE` is the share of its inserts answered 503, half of them after they were stored.
 */

const delayMs = Number(process.env['MHV_DELAY_MS'] ?? 0);
const faultRate = Number(process.env['FAULT_RATE'] ?? 0);
const TEXT = '<html><body><p>An invented line of an invented message.</p></body></html>'.repeat(1);
const ICN_SYSTEM = 'urn:oid:2.16.840.1.113883.4.349';
const STATION_SYSTEM = 'urn:oid:2.16.840.1.113883.4.349.4';

/** When MHV was first asked for each message, in milliseconds since the epoch, with fractions. */
const askedAt = new Map<string, number>();
const stored = new Map<string, number>();
let inserts = 0;
let doubled = 0;
let faults = 0;

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  routes: {
    '/messaging/demo/service/demo/patients/:patient/inbox/messages/:id': (request) =>
      messageOf(request.params.patient, request.params.id),
    '/messaging/demo/service/demo/pools/:ids': (request) =>
      Response.json({
        poolsById: {
          [request.params.ids]: { id: request.params.ids, name: 'ZZTEST Primary Care' },
        },
      }),
    '/fhir/Patient/:id': (request) => patientOf(request.params.id),
    '/fhir/Organization/:id': (request) => organizationOf(request.params.id),
    '/mhv/exchange/message': { GET: find, POST: insert },
    '/_bench/state': () =>
      Response.json({
        stored: stored.size,
        inserts,
        doubled,
        faults,
        cpuMicros: process.cpuUsage().user + process.cpuUsage().system,
      }),
    '/_bench/asked/:id': (request) => Response.json(askedAt.get(request.params.id) ?? null),
  },
  fetch: () => new Response('Not found', { status: 404 }),
});

console.log(
  JSON.stringify({
    origin: server.url.origin,
    OH_MESSAGING_BASE_URL: `${server.url.origin}/messaging/demo/service`,
    OH_AUTHORITY: 'demo',
    OH_FHIR_BASE_URL: `${server.url.origin}/fhir`,
    OH_MEDIA_BASE_URL: `${server.url.origin}/media`,
    OH_AUTH_METHOD: 'none',
    MHV_BASE_URL: `${server.url.origin}/mhv`,
    MHV_APP_TOKEN: 'bench',
  }),
);

function messageOf(patientId: string, id: string): Response {
  return Response.json({
    messagesById: {
      [id]: {
        id,
        subject: 'Lab follow-up',
        createDate: '2025-10-08T14:15:40Z',
        messageType: 'MESSAGE',
        poolSenderId: 2_000_001,
        receivers: [{ type: 'PERSON', receiverId: Number(patientId) }],
        patientId: Number(patientId),
        texts: [{ title: 'Message', formatType: 'XHTML', text: TEXT }],
        referenceId: `ref-${id}`,
        referenceIds: [],
        attachments: [],
      },
    },
  });
}

function patientOf(id: string): Response {
  return Response.json({
    resourceType: 'Patient',
    id,
    active: true,
    identifier: [{ use: 'usual', system: ICN_SYSTEM, value: `100${id}V123456` }],
    managingOrganization: { reference: 'Organization/668' },
  });
}

function organizationOf(id: string): Response {
  return Response.json({
    resourceType: 'Organization',
    id,
    identifier: [{ system: STATION_SYSTEM, value: '668' }],
  });
}

async function find(request: Request): Promise<Response> {
  const id = new URL(request.url).searchParams.get('ohMessageId') ?? '';
  if (!askedAt.has(id)) askedAt.set(id, performance.timeOrigin + performance.now());
  if (delayMs > 0) await Bun.sleep(delayMs);
  const known = stored.get(id);
  if (known !== undefined) return Response.json({ id: known, threadId: known, ohMessageId: id });
  return Response.json({ errorCode: 115, message: 'Message not found' }, { status: 404 });
}

async function insert(request: Request): Promise<Response> {
  const { ohMessageId } = (await request.json()) as { ohMessageId: string };
  if (delayMs > 0) await Bun.sleep(delayMs);
  inserts += 1;
  const isFaulty = Math.random() < faultRate;
  if (isFaulty) faults += 1;
  if (isFaulty && faults % 2 === 0) return new Response('', { status: 503 });
  if (stored.has(ohMessageId)) doubled += 1;
  const id = stored.size + 1;
  stored.set(ohMessageId, id);
  if (isFaulty) return new Response('', { status: 503 });
  return Response.json({ id, threadId: id, ohMessageId });
}
