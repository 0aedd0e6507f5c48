/** A good request to every operation of both contracts, and sending it with changes. */
import { context } from '../oh/loopback.ts';
import type { Operation } from './document.ts';
import { draft } from './mhv-calls.ts';
import { type contracts, NOW, type Setup } from './setup.ts';

export type Side = keyof typeof contracts;

export interface Request {
  /** Values of the path's parameters. */
  path: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  body?: unknown;
  form?: Record<string, unknown>;
  /** Sent as it is in place of a body. */
  text?: string;
}

/** A good request to the operation, but for its proof of the caller; `messageId` lies in MHV. */
export function goodRequest(run: Setup, id: string, messageId: string): Request {
  const found = { ...goodMessaging(run), ...goodMhv(run, messageId) }[id];
  if (found === undefined) throw new Error(`No good request to ${id} is known.`);
  return { query: {}, headers: {}, ...found };
}

type Requests = Record<string, Pick<Request, 'path'> & Partial<Request>>;

function goodMessaging({ mocks: { world } }: Setup): Requests {
  const { ohPatientId: patientId = '', mrn = '' } = world.population.ordinary[0] ?? {};
  const own = world.mailbox.byPatient.get(patientId) ?? [];
  const idIn = (box: string): string => own.find((one) => one.box === box)?.id ?? '';
  const path = { authority: 'demo', patientId };
  const inbox = { ...path, messageIds: idIn('inbox') };
  const outbox = { ...path, messageIds: idIn('outbox') };
  const alias = { patientAlias: mrn, aliasTypeCd: '10', aliasPoolCd: '683996' };
  const dates = { beginDate: '2025-01-01T00:00:00Z', endDate: '2025-02-01T00:00:00Z' };
  return {
    findInboxByAlias: { path, query: alias },
    findOutboxByAlias: { path, query: alias },
    listInboxMessages: { path, query: { ...dates, statuses: 'UNREAD, OPEN', types: 'REMINDER' } },
    listOutboxMessages: { path, query: { ...dates, statuses: 'UNREAD,DELETED', types: 'MESSAGE' } },
    getInboxMessages: { path: inbox, query: { loadReferences: 'true' } },
    getOutboxMessages: {
      path: outbox,
      query: { loadReferences: 'false' },
    },
    deleteInboxMessages: { path: inbox },
    setInboxMessageStatus: { path: { ...inbox, status: 'UNREAD' } },
    sendMessage: {
      path,
      body: {
        patientId: Number(patientId),
        receivers: [{ receiverId: 2000001, type: 'POOL' }],
        subject: 'ZZTEST',
        text: '<p/>',
        formatType: 'XHTML',
        attachments: [{ name: 'a.pdf', mediaIdentifier: '{1}', mediaVersion: 1 }],
        previousMessageId: idIn('inbox'),
        sensitivity: { portalUserUUIDs: [] },
      },
    },
    getPools: { path: { ...path, poolIds: '2000001' } },
    findPools: { path, query: { name: 'z' } },
    getPoolRecipientAccess: { path: { ...path, poolIds: '2000001,9' } },
    getPersonnelRecipientAccess: { path: { ...path, personnelIds: '2100001' } },
  };
}

function goodMhv({ mocks: { world } }: Setup, messageId: string): Requests {
  const { icn, mhvCorrelationId = '' } = world.population.ordinary[0] ?? {};
  const path = { id: messageId };
  const attachmentId = String(world.mhv.messages.get(Number(messageId))?.files[0]?.id);
  return {
    getSession: { path, headers: { mhvCorrelationId }, query: { requiresOHMessages: '1' } },
    createMessage: { path, body: { ...draft, recipientId: 613586 } },
    replyToMessage: { path, body: draft },
    createMessageWithAttachments: { path, form: { message: draft } },
    replyToMessageWithAttachments: { path, form: { message: draft, 'lgAttachments[]': [] } },
    readMessage: { path },
    getMessagesForThread: { path, query: { requiresOHMessages: '1' } },
    getMessageStatus: { path },
    getAttachment: { path: { ...path, attachmentId } },
    getPresignedUrl: { path, query: { attachmentName: 'a', fileExtension: 'pdf' } },
    getTriageTeams: { path },
    getAllTriageTeams: { path, query: { requiresOHTriageGroup: '1' } },
    getOhSyncStatus: { path, headers: { mhvCorrelationId } },
    findExchangeMessage: { path, query: { ohMessageId: '3000000005:-6:0:0' } },
    insertExchangeMessage: {
      path,
      body: {
        ohMessageId: '3000000005:-6:0:0',
        icn,
        sender: { ohId: '2000001', type: 'POOL', name: 'ZZTEST Pool' },
        triageGroup: { ohPoolId: '2000001', name: 'ZZTEST Pool', stationNumber: '668' },
        subject: 'ZZTEST',
        category: 'OTHER',
        body: 'Hello',
        bodyFormat: 'TEXT',
        sentDate: new Date(NOW).toISOString(),
        attachments: [{ name: 'a.pdf', mimeType: 'application/pdf', contentBase64: 'JVBERg==' }],
      },
    },
  };
}

/** The headers that prove the caller to the operation. */
export async function proofOf(
  run: Setup,
  side: Side,
  { security }: Operation,
): Promise<Record<string, string>> {
  const env = run.mocks.env;
  if (side === 'messaging') return { Authorization: await bearerOf(run) };
  const token = [...run.mocks.world.mhv.sessions.keys()][0] ?? '';
  const own = security.some((names) => names.includes('Token'))
    ? { Token: token }
    : { appToken: env['MHV_APP_TOKEN'] ?? '' };
  return { ...own, 'x-api-key': env['MHV_API_KEY'] ?? '' };
}

function bearerOf({ authorizer }: Setup): Promise<string> {
  return authorizer.authorization({ method: 'GET', url: 'http://oh.invalid' }, context);
}

/** Sends the request to the base URL and gives the status of the answer. */
export async function send(base: string, operation: Operation, request: Request): Promise<number> {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    (request.path[name] ?? '').split(',').map(encodeURIComponent).join(','),
  );
  const query = new URLSearchParams(request.query).toString();
  const headers = new Headers(request.headers);
  const body = bodyOf(request);
  if (typeof body === 'string' && !headers.has('content-type'))
    headers.set('Content-Type', 'application/json');
  const response = await fetch(`${base}${path}${query === '' ? '' : `?${query}`}`, {
    method: operation.method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  await response.arrayBuffer();
  return response.status;
}

function bodyOf({ body, form, text }: Request): string | FormData | undefined {
  if (text !== undefined) return text;
  if (body !== undefined) return JSON.stringify(body);
  if (form === undefined) return undefined;
  const parts = new FormData();
  for (const [name, value] of Object.entries(form)) {
    parts.append(name, new Blob([JSON.stringify(value)], { type: 'application/json' }), name);
  }
  return parts;
}
