/** What every route of the API says of itself: which scope its caller needs. */
import type { Server } from 'bun';
import { Elysia } from 'elysia';
import { type FailedAttempts, networkOf } from '../access/attempts.ts';
import { type Authenticate, insufficientScope } from '../access/bearer.ts';
import { ExchangeError } from '../errors.ts';
import { allows, type Principal, type Scope } from '../principal.ts';
import type { ClientOf } from './client.ts';
import type { RateLimit } from './rate-limit.ts';

/** Who calls the API, how often, and how many wrong credentials an address may show. */
export interface ApiDoor {
  authenticate: Authenticate;
  limit: RateLimit;
  failures: FailedAttempts;
  clientOf: ClientOf;
}

interface Entering {
  request: Request;
  server: Server<unknown> | null;
  set: { headers: Record<string, string | number> };
}

/** Who calls, while their request is under way. */
type Callers = WeakMap<Request, Principal>;

/**
 * A route with `scope` is entered only by callers who have it, and finds them as `principal`. A caller who
 * is nobody is refused before the body is read, one without the scope before it is looked at. A route
 * without `scope` is open.
 */
export function access(door: ApiDoor) {
  const callers: Callers = new WeakMap();
  // Counted once, before the body is read: one that can't be read is a request too.
  const callerOf = async ({ request, server, set }: Entering) => {
    const known = callers.get(request);
    if (known) return known;
    const principal = await enter(door, request, server);
    callers.set(request, principal);
    // Without credentials nobody is told from anybody else.
    if (principal.kind !== 'none') door.limit.take(principal.name, set.headers);
    return principal;
  };
  return new Elysia({ name: 'access', seed: door })
    .onParse({ as: 'scoped' }, async (entering) => {
      await callerOf(entering);
    })
    .onTransform({ as: 'scoped' }, ({ body }) => refuseDeep(body))
    .macro({
      scope: (needed: Scope) => ({
        transform: async (entering: Entering) => {
          if (!allows(await callerOf(entering), needed)) throw insufficientScope(needed);
        },
        resolve: async (entering) => ({ principal: await callerOf(entering) }),
        detail: { security: [{ bearer: [needed] }] },
      }),
    });
}

/** What the API takes is three deep; whoever looks at a body afterwards may do so by calling itself. */
const MAX_DEPTH = 32;

/** Throws `malformed` when arrays and objects lie deeper within each other. */
function refuseDeep(body: unknown): void {
  let level = [body];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) {
      const detail = `The body is nested more than ${MAX_DEPTH} deep.`;
      throw new ExchangeError('malformed', detail);
    }
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}

/**
 * Right credentials are let in whatever else comes from their address, which many callers may share behind a
 * proxy: nobody guesses 256 bits. Wrong ones are answered 429 after too many of them.
 */
async function enter(
  { authenticate, failures, clientOf }: ApiDoor,
  request: Request,
  server: Server<unknown> | null,
): Promise<Principal> {
  try {
    return await authenticate(request.headers);
  } catch (error) {
    if (!(error instanceof ExchangeError) || error.code !== 'unauthorized') throw error;
    const network = networkOf(clientOf(request, server).address);
    const waitMs = failures.waitMs(network);
    if (waitMs === 0) {
      failures.fail(network);
      throw error;
    }
    throw new ExchangeError('too-many-requests', 'Too many wrong credentials; come back later.', {
      retryAfterSeconds: Math.ceil(waitMs / 1000),
    });
  }
}
