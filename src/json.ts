/**
 * JSON whose ids are int64: they outgrow a double, so they become strings on the way in and raw digits
 * on the way out.
 */
import { z } from 'zod';
import { UpstreamError, type UpstreamRequest, type UpstreamResponse } from './upstream.ts';

declare global {
  // Both are in ECMAScript 2026 and in Bun, not yet in TypeScript's library.
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: Source) => unknown,
    ): unknown;
    rawJSON(text: string): unknown;
  }
}

/** The characters a primitive value was read from. */
interface Source {
  source?: string;
}

/** 2^53 has 16 digits. */
const UNSAFE_DIGITS = /\d{16}/;
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** An id that arrives as a number or a string and leaves as a string. */
export const idSchema = z.union([z.string().min(1), z.int()]).transform(String);

/**
 * Reads the answer's JSON body by `schema`; unknown fields are dropped. Throws UpstreamError
 * `{system}:unreadable`: `retry` after a read, `in-doubt` after a write, which may have had its effect.
 */
export function readJson<T>(
  response: UpstreamResponse,
  schema: z.ZodType<T>,
  request: Pick<UpstreamRequest, 'system' | 'effect'>,
): T {
  const parsed = schema.safeParse(parseJson(response.text()));
  if (parsed.success) return parsed.data;
  throw unreadable(response, request);
}

/** The verdict on an answer that is not what the contract promises, see `readJson`. */
export function unreadable(
  response: UpstreamResponse,
  { system, effect }: Pick<UpstreamRequest, 'system' | 'effect'>,
): UpstreamError {
  return new UpstreamError({
    kind: effect === 'write' ? 'in-doubt' : 'retry',
    code: `${system}:unreadable`,
    reason: `The answer of ${system} is not the JSON its contract promises.`,
    httpStatus: response.status,
  });
}

/**
 * Parses JSON; an integer beyond 2^53 becomes a string of its digits. Gives undefined when the text
 * is not JSON.
 */
export function parseJson(text: string): unknown {
  try {
    // A reviver is asked about every value; without so many digits in a row there is nothing to keep.
    return UNSAFE_DIGITS.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * An id as JSON.stringify must write it where the contract says int64: its digits, unquoted. Throws
 * UpstreamError `rejected`, code `{system}:invalid-id`, when the id is not a positive int64.
 */
export function int64(id: string, system: string): unknown {
  if (/^[1-9]\d{0,18}$/.test(id) && BigInt(id) <= MAX_INT64) return JSON.rawJSON(id);
  throw new UpstreamError({
    kind: 'rejected',
    code: `${system}:invalid-id`,
    reason: `An id for ${system} is not a positive 64-bit number.`,
  });
}

function keepDigits(_key: string, value: unknown, context: Source): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return context.source !== undefined && /^-?\d+$/.test(context.source) ? context.source : value;
}
