/** The authorization server: client_credentials by Basic or by private_key_jwt. */
import { Type } from '@sinclair/typebox';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import {
  type Answer,
  controlBody,
  empty,
  header,
  json,
  type MockRequest,
  Refusal,
  readControl,
} from './answer.ts';
import { type Door, type DoorOptions, openDoor } from './door.ts';
import { type Route, route } from './routes.ts';
import { type ClientRegistration, firstUse, issueToken, TOKEN_LIFETIME_SECONDS } from './tokens.ts';
import { settings, type World } from './world.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const MAX_ASSERTION_AGE_MS = 300_000;
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

/** Opens the mock; the token endpoint is `tokenUrl(world)`. */
export function openAuth(world: World, options: Pick<DoorOptions, 'port' | 'log'>): Promise<Door> {
  return openDoor({
    ...options,
    world,
    routes: [
      route('POST', '/tenants/:tenantId/protocols/oauth2/profiles/smart-v1/token', (request) =>
        giveToken(world, request),
      ),
    ],
    controls: controlRoutes(world),
    messages: () => [],
    reset: () => {
      world.tokens.issued = 0;
    },
    maxBodyBytes: 64 * 1024,
  });
}

/** Where tokens are asked for; also the `aud` that an assertion must name. */
export function tokenUrl(world: World): string {
  return `${world.origins.auth}/tenants/${settings.tenantId}/protocols/oauth2/profiles/smart-v1/token`;
}

async function giveToken(world: World, request: MockRequest): Promise<Answer> {
  if (request.segment('tenantId') !== settings.tenantId) throw new Refusal(empty(404));
  const form = formOf(request);
  const client = await authenticate(world, request, form);
  const grant = form.get('grant_type');
  if (grant === null) refuse(400, 'invalid_request');
  if (grant !== 'client_credentials') refuse(400, 'unsupported_grant_type');
  const allowed: readonly string[] = client.scopes ?? settings.scopes;
  const scopes = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
  if (scopes.length === 0 || !scopes.every((scope) => allowed.includes(scope))) {
    refuse(400, 'invalid_scope');
  }
  const token = issueToken(world.tokens, scopes, world.now());
  return json(
    200,
    { access_token: token, token_type: 'Bearer', expires_in: TOKEN_LIFETIME_SECONDS },
    NO_STORE,
  );
}

/** RFC 6749 §3.2: a form, and no parameter twice. */
function formOf(request: MockRequest): URLSearchParams {
  const contentType = (header(request, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  if (contentType !== 'application/x-www-form-urlencoded') refuse(400, 'invalid_request');
  const form = new URLSearchParams(request.body.toString('utf8'));
  const names = [...form.keys()];
  if (new Set(names).size !== names.length) refuse(400, 'invalid_request');
  return form;
}

async function authenticate(
  world: World,
  request: MockRequest,
  form: URLSearchParams,
): Promise<ClientRegistration> {
  const authorization = header(request, 'authorization');
  const assertion = form.get('client_assertion');
  if (authorization !== undefined && assertion !== null) refuse(400, 'invalid_request');
  if (assertion !== null) {
    if (form.get('client_assertion_type') !== ASSERTION_TYPE) refuse(400, 'invalid_request');
    return clientOfAssertion(world, assertion);
  }
  return clientOfBasic(world, authorization);
}

/** §2.3.1: id and secret are form-encoded before they are joined. */
function clientOfBasic(world: World, authorization: string | undefined): ClientRegistration {
  const encoded = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? '')?.[1] ?? '';
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const client = world.tokens.clients.get(formDecode(pair.slice(0, Math.max(0, colon))));
  if (client?.secret === undefined || client.secret !== formDecode(pair.slice(colon + 1))) {
    refuse(401, 'invalid_client', { 'www-authenticate': 'Basic realm="token"' });
  }
  return client;
}

function formDecode(text: string): string {
  return [...new URLSearchParams(`v=${text.replaceAll('&', '%26')}`).values()][0] ?? '';
}

/** SMART Backend Services: RS384 or ES384, known `kid`, our URL as `aud`, fresh `jti`, short life. */
async function clientOfAssertion(world: World, assertion: string): Promise<ClientRegistration> {
  const now = world.now();
  const claimed = claimedIssuer(assertion);
  const client = world.tokens.clients.get(claimed.issuer);
  const keys = client === undefined ? undefined : keysOf(client);
  if (client === undefined || keys === undefined || !claimed.hasKid) refuse(401, 'invalid_client');
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(assertion, keys, {
      algorithms: ['RS384', 'ES384'],
      audience: tokenUrl(world),
      issuer: client.clientId,
      subject: client.clientId,
      requiredClaims: ['exp', 'jti'],
      currentDate: new Date(now),
    }));
  } catch (error) {
    if (error instanceof errors.JOSEError) refuse(401, 'invalid_client');
    throw error;
  }
  const endsAt = (payload.exp ?? 0) * 1000;
  const { jti } = payload;
  if (jti === undefined || endsAt - now > MAX_ASSERTION_AGE_MS) refuse(401, 'invalid_client');
  if (!firstUse(world.tokens, `jti ${client.clientId} ${jti}`, endsAt, now)) {
    refuse(401, 'invalid_client');
  }
  return client;
}

function keysOf(client: ClientRegistration): JWTVerifyGetKey | undefined {
  if (client.jwks !== undefined) return createLocalJWKSet(client.jwks);
  return client.jwksUri === undefined ? undefined : createRemoteJWKSet(new URL(client.jwksUri));
}

function claimedIssuer(assertion: string): { issuer: string; hasKid: boolean } {
  try {
    const { kid } = decodeProtectedHeader(assertion);
    const payload = Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString('utf8');
    const claims: unknown = JSON.parse(payload);
    const issuer: unknown =
      typeof claims === 'object' && claims !== null ? Reflect.get(claims, 'iss') : undefined;
    return { issuer: typeof issuer === 'string' ? issuer : '', hasKid: kid !== undefined };
  } catch {
    return refuse(401, 'invalid_client');
  }
}

/** An error of RFC 6749 §5.2. */
function refuse(status: number, error: string, headers: Record<string, string> = {}): never {
  throw new Refusal(json(status, { error }, { ...NO_STORE, ...headers }));
}

const clientBody = controlBody(
  Type.Object({
    clientId: Type.String({ minLength: 1 }),
    secret: Type.Optional(Type.String({ minLength: 1 })),
    jwks: Type.Optional(
      Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) }),
    ),
    jwksUri: Type.Optional(Type.String()),
    scopes: Type.Optional(Type.Array(Type.String())),
  }),
);

function controlRoutes(world: World): Route[] {
  return [
    route('GET', '/_mock/tokens', () => {
      const now = world.now();
      const active = [...world.tokens.live.values()].filter((token) => token.expiresAt > now);
      return json(200, { issued: world.tokens.issued, active: active.length });
    }),
    route('POST', '/_mock/expire', () => {
      const expired = world.tokens.live.size;
      world.tokens.live.clear();
      return json(200, { expired });
    }),
    route('POST', '/_mock/clients', (request) => {
      const { jwks, ...client } = readControl(clientBody, request);
      world.tokens.clients.set(client.clientId, {
        ...client,
        // jose checks every key when it is used; the door only checks that there is a list.
        ...(jwks === undefined
          ? {}
          : { jwks: { keys: jwks.keys.map((key) => ({ kty: '', ...key })) } }),
      });
      return json(201, { clientId: client.clientId });
    }),
  ];
}
