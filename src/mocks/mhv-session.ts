/** Who may call MHV: the gateway's key, the application's token and a patient's session. */
import { randomUUID } from 'node:crypto';
import { type Answer, empty, header, json, type MockRequest, Refusal } from './answer.ts';
import { refuseMhv } from './mhv-errors.ts';
import { settings, type World } from './world.ts';

const SESSION_MS = 60 * 60 * 1000;
const GATEWAY_MAX_BYTES = 10 * 1024 * 1024;

/** Path of the API gateway's base, where `x-api-key` goes with every call. */
export const GATEWAY_PATH = '/v1/sm/patient';
/** Path of the older base, without a gateway. */
export const LEGACY_PATH = '/mhv-sm-api/patient/v1';

/** What the gateway refuses before MHV sees it: 403 without the key, 413 above 10 MB. */
export function checkGateway(request: MockRequest): void {
  if (!request.path.startsWith(GATEWAY_PATH)) return;
  if (header(request, 'x-api-key') !== settings.mhvApiKey) {
    throw new Refusal(json(403, { message: 'Forbidden' }));
  }
  if (request.body.byteLength > GATEWAY_MAX_BYTES) {
    throw new Refusal(json(413, { message: 'Request Too Long' }));
  }
}

/** Throws 132 without the application token and 101 with a wrong one. */
export function checkAppToken(request: MockRequest): void {
  const token = header(request, 'apptoken');
  if (token === undefined || token === '') refuseMhv(132);
  if (token !== settings.mhvAppToken) refuseMhv(101);
}

/** GET session: an empty 200 whose headers hold the token and its end. */
export function openSession(world: World, request: MockRequest): Answer {
  checkAppToken(request);
  const icn = icnOfUser(world, request);
  const { sessions } = world.mhv;
  const now = world.now();
  const token = randomUUID();
  sessions.set(token, { icn, expiresAt: now + SESSION_MS });
  return empty(200, { token, expires: new Date(now + SESSION_MS).toUTCString() });
}

/** The patient whom `mhvCorrelationId` names; throws 104, 103 or 105. */
export function icnOfUser(world: World, request: MockRequest): string {
  const userId = header(request, 'mhvcorrelationid');
  if (userId === undefined || userId === '') refuseMhv(104);
  if (!/^\d+$/.test(userId)) refuseMhv(103);
  return world.population.byCorrelationId.get(userId)?.icn ?? refuseMhv(105);
}

/** The patient of the session; throws 108, 109 or 110. */
export function icnOfSession(world: World, request: MockRequest): string {
  const token = header(request, 'token');
  if (token === undefined || token === '') refuseMhv(108);
  const session = world.mhv.sessions.get(token) ?? refuseMhv(109);
  if (session.expiresAt <= world.now()) refuseMhv(110);
  return session.icn;
}
