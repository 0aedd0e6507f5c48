/** Logging in at the console with a name and a password. */
import pLimit from 'p-limit';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import type { Store } from '../store/store.ts';
import { ATTEMPTS, FailedAttempts, networkOf } from './attempts.ts';
import { digestOf } from './token.ts';

export interface LoginOptions {
  store: Pick<Store, 'operators' | 'audit'>;
  now: () => Instant;
  /** That many random bytes. */
  randomBytes: (size: number) => Uint8Array;
}

/** What somebody typed, and from where. */
export interface Credentials {
  name: string;
  password: string;
  address: string;
}

const SESSION_BYTES = 32;
/** Each check of a password takes 64 MiB for a tenth of a second. */
const CHECKS_AT_ONCE = 2;
const CHECKS_WAITING = 20;
const ALGORITHM = 'argon2id';
const MAX_PASSWORD_BYTES = 1024;

/** Hashes a password as it is kept: argon2id with the cost of Bun's defaults (64 MiB, two passes). */
export function hashPassword(password: string): Promise<string> {
  return Bun.password.hash(password, { algorithm: ALGORITHM });
}

/**
 * Makes the function that logs in: resolves with the value of a new session's cookie, or undefined when name
 * and password do not belong together. Rejects with ExchangeError `too-many-requests` after too many
 * failures of the name or the address, and `unavailable` when too many log in at once.
 */
export function createLogin({ store, now, randomBytes }: LoginOptions) {
  const failures = new FailedAttempts(ATTEMPTS, now);
  const checks = pLimit(CHECKS_AT_ONCE);
  const secret = () => Buffer.from(randomBytes(SESSION_BYTES)).toString('base64url');
  // Checked for a name that nobody has, so that the answer takes as long.
  let nobodysHash: Promise<string> | undefined;

  return async ({ name, password, address }: Credentials): Promise<string | undefined> => {
    const keys = [`name ${name}`, `address ${networkOf(address)}`];
    refuseWaiting(Math.max(...keys.map((key) => failures.waitMs(key))));
    if (checks.pendingCount >= CHECKS_WAITING) {
      const detail = 'Too many log in at once.';
      throw new ExchangeError('unavailable', detail, { retryAfterSeconds: 5 });
    }
    const known = await store.operators.passwordHashOf(name);
    const hash = known ?? (await (nobodysHash ??= hashPassword(secret())));
    const isBounded = Buffer.byteLength(password) <= MAX_PASSWORD_BYTES;
    const isRight = isBounded && (await checks(() => Bun.password.verify(password, hash)));
    if (known === undefined || !isRight) {
      const begins = keys.map((key) => failures.fail(key));
      if (begins.includes(true)) await noteWait(store, known === undefined ? 'unknown' : name);
      return undefined;
    }
    failures.succeed(`name ${name}`);
    const session = secret();
    await store.operators.logIn(name, digestOf(session));
    return session;
  };
}

/** One row for each time that somebody is made to wait; not one for each guess. */
function noteWait({ audit }: LoginOptions['store'], name: string): Promise<void> {
  const object = { kind: 'operator', id: name };
  const detail = { failures: ATTEMPTS.max };
  return audit.record({ actor: 'nobody', action: 'console.login-failed', object, detail });
}

function refuseWaiting(waitMs: number): void {
  if (waitMs <= 0) return;
  throw new ExchangeError('too-many-requests', 'Too many failed attempts; come back later.', {
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  });
}
