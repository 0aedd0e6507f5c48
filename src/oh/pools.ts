/** Pools, and who can be written to. */
import { z } from 'zod';
import { createCache } from '../cache.ts';
import { idSchema, readJson } from '../json.ts';
import type { CallContext } from '../upstream.ts';
import { get, type OhMessagingOptions, urlOf } from './messaging-calls.ts';

export interface OhPool {
  id: string;
  name: string;
}

const poolsSchema = z.record(z.string(), z.object({ id: idSchema, name: z.string() })).nullish();
const accessSchema = z.record(z.string(), z.string()).nullish();
const byIdSchema = z.object({ poolsById: poolsSchema });
const byNameSchema = z.object({ poolsByName: poolsSchema });
const poolAccessSchema = z.object({ recipientAccessStatusByPoolId: accessSchema });
const personnelAccessSchema = z.object({ recipientAccessStatusByPersonnelId: accessSchema });
const READ = { system: 'oh', effect: 'read' } as const;

/** A pool that is renamed goes by its old name for so long. */
const KEPT_MS = 60_000;
const MAX_KEPT = 1000;
/** A read, a new token, the read again. */
const MAX_CALLS = 3;

/**
 * Reads pools by id; unknown ones are left out, and when none exists it is `rejected`, `oh:pool-unknown`.
 * One asked for alone is kept for a minute, a failure is not.
 */
export function createPoolReader(
  options: OhMessagingOptions,
): (ids: string[], context: CallContext) => Promise<OhPool[]> {
  const { now, timeoutMs } = options;
  const kept = createCache<OhPool[]>({ maxEntries: MAX_KEPT, now });
  return async (ids, context) => {
    const [id, other] = ids;
    if (id === undefined || other !== undefined) return getPools(options, ids, context);
    return kept.get(id, async () => {
      // Others may wait for this read, so it must not end with the attempt that asked first.
      const shared = { ...context, signal: AbortSignal.timeout(timeoutMs * MAX_CALLS) };
      return { value: await getPools(options, ids, shared), expiresAt: now() + KEPT_MS };
    });
  };
}

async function getPools(
  options: OhMessagingOptions,
  ids: string[],
  context: CallContext,
): Promise<OhPool[]> {
  if (ids.length === 0) return [];
  const url = urlOf(options, ['pools', ids]);
  const response = await get(options, url, context, 'oh:pool-unknown');
  return Object.values(readJson(response, byIdSchema, READ).poolsById ?? {});
}

/** Finds pools whose name starts with `name`, in any letter case; all of them when it is empty. */
export async function findPools(
  options: OhMessagingOptions,
  name: string,
  context: CallContext,
): Promise<OhPool[]> {
  const query = name === '' ? '' : `?name=${encodeURIComponent(name)}`;
  const url = urlOf(options, ['pools'], query);
  const response = await get(options, url, context);
  return Object.values(readJson(response, byNameSchema, READ).poolsByName ?? {});
}

/** Says by pool id whether the pool can be written to. */
export async function poolAccess(
  options: OhMessagingOptions,
  ids: string[],
  context: CallContext,
): Promise<Map<string, boolean>> {
  if (ids.length === 0) return new Map();
  const url = urlOf(options, ['pools', ids, 'recipient-access']);
  const response = await get(options, url, context, 'oh:pool-unknown');
  return granted(readJson(response, poolAccessSchema, READ).recipientAccessStatusByPoolId);
}

/** Says by personnel id whether the person can be written to. */
export async function personnelAccess(
  options: OhMessagingOptions,
  ids: string[],
  context: CallContext,
): Promise<Map<string, boolean>> {
  if (ids.length === 0) return new Map();
  const url = urlOf(options, ['personnel', ids, 'recipient-access']);
  const response = await get(options, url, context, 'oh:personnel-unknown');
  return granted(
    readJson(response, personnelAccessSchema, READ).recipientAccessStatusByPersonnelId,
  );
}

function granted(access: Record<string, string> | null | undefined): Map<string, boolean> {
  return new Map(Object.entries(access ?? {}).map(([id, status]) => [id, status === 'GRANTED']));
}
