/** Who looks at the console: an operator with a session, or somebody a proxy vouches for. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Elysia } from 'elysia';
import { insufficientScope } from '../../access/bearer.ts';
import type { VerifyJwt } from '../../access/jwt.ts';
import { digestOf } from '../../access/token.ts';
import { ExchangeError } from '../../errors.ts';
import { allows, type Principal, roleScopes, type Scope } from '../../principal.ts';
import type { Store } from '../../store/store.ts';
import type { ClientOf } from '../client.ts';

export interface VisitorOptions {
  store: Pick<Store, 'operators'>;
  /** `none`: everybody may do everything. */
  mode: 'required' | 'none';
  /** A proxy in front that logs people in, and the header in which it says who they are. */
  proxy?: { header: string; verify: VerifyJwt };
  /** Of this process: forms of somebody who has no session are bound to it. */
  formKey: Uint8Array;
  clientOf: ClientOf;
}

/** Somebody who may look, and what each of their forms must carry as `csrf`. */
export interface Visitor {
  principal: Principal;
  csrfToken: string;
}

/** Makes the function that says who a request is from; undefined: nobody is logged in. */
export function createVisitorOf({ store, mode, proxy, formKey, clientOf }: VisitorOptions) {
  return async (request: Request): Promise<Visitor | undefined> => {
    const { headers } = request;
    if (mode === 'none') {
      return visitor({ name: 'console', kind: 'none', scopes: ['admin'] }, formKey);
    }
    if (proxy) {
      const principal = await proxy.verify(headers.get(proxy.header) ?? '');
      return principal && visitor(principal, formKey);
    }
    const session = sessionOf(headers, clientOf(request, null).isSecure);
    const operator = session && (await store.operators.loggedIn(digestOf(session)));
    if (!session || !operator) return undefined;
    const { name, role } = operator;
    return visitor({ name, kind: 'session', scopes: roleScopes[role] }, session);
  };
}

export type VisitorOf = ReturnType<typeof createVisitorOf>;

/**
 * A route with `console` is entered only by visitors who have that scope, and finds them as `principal`, with
 * the `csrfToken` that its forms must carry in the field `csrf`. Who is not logged in is shown the way
 * there. Anything but a GET must come from a page of this origin and carry the token.
 */
export function consoleAccess(visitorOf: VisitorOf) {
  return new Elysia({ name: 'console-access', seed: visitorOf }).macro({
    console: (needed: Scope) => ({
      resolve: async ({ request, body, set, status }) => {
        const found = await visitorOf(request);
        if (!found && request.method === 'GET') {
          set.headers['location'] = loginFor(request);
          return status(303, 'Log in.');
        }
        if (!found) throw new ExchangeError('forbidden', 'Nobody is logged in.');
        if (!allows(found.principal, needed)) throw insufficientScope(needed);
        if (request.method !== 'GET') refuseForged(request, body, found.csrfToken);
        const { principal, csrfToken } = found;
        return { principal, csrfToken };
      },
      detail: { hide: true, security: [{ session: [needed] }] },
    }),
  });
}

/** The names of the cookie, with and without TLS; the first can't be set by another host (RFC 6265bis). */
const COOKIES = { secure: '__Host-smx-session', plain: 'smx-session' };

/** The `Set-Cookie` that begins a session, or ends it when there is none. */
export function sessionCookie(session: string | undefined, isSecure: boolean): string {
  const name = isSecure ? COOKIES.secure : COOKIES.plain;
  const attributes = ['Path=/', 'HttpOnly', 'SameSite=Strict', ...(isSecure ? ['Secure'] : [])];
  if (session === undefined) attributes.push('Max-Age=0');
  return [`${name}=${session ?? ''}`, ...attributes].join('; ');
}

/**
 * The value of the session's cookie, as the request has it. With TLS only that of the name which no other
 * host can set: the plain one could be planted.
 */
export function sessionOf(headers: Headers, isSecure: boolean): string | undefined {
  const cookies = new Bun.CookieMap(headers.get('cookie') ?? '');
  return cookies.get(isSecure ? COOKIES.secure : COOKIES.plain) ?? undefined;
}

/**
 * ExchangeError `forbidden` unless the request comes from a page of this origin (Sec-Fetch-Site, or Origin
 * where the browser is too old for it). A request with neither comes from no browser.
 */
export function refuseForeign({ headers, url }: Request): void {
  const site = headers.get('sec-fetch-site');
  const origin = headers.get('origin');
  const host = headers.get('host') ?? new URL(url).host;
  const isForeign =
    site === null
      ? origin !== null && URL.parse(origin)?.host !== host
      : site !== 'same-origin' && site !== 'none';
  if (isForeign) throw new ExchangeError('forbidden', 'The request comes from another site.');
}

function refuseForged(request: Request, body: unknown, csrfToken: string): void {
  refuseForeign(request);
  const given: unknown =
    typeof body === 'object' && body !== null ? Reflect.get(body, 'csrf') : undefined;
  const isOurs = typeof given === 'string' && timingSafeEqual(digestOf(given), digestOf(csrfToken));
  if (!isOurs) throw new ExchangeError('forbidden', 'The form is not of this session.');
}

/** Bound to the session by its secret, so that there is nothing to keep. */
function visitor(principal: Principal, secret: string | Uint8Array): Visitor {
  const mac = createHmac('sha256', secret).update(`csrf ${principal.name}`);
  return { principal, csrfToken: mac.digest('base64url') };
}

function loginFor({ url }: Request): string {
  const { pathname, search } = new URL(url);
  return `/console/login?next=${encodeURIComponent(pathname + search)}`;
}
