import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ExchangeError } from '../errors.ts';

const gunzipOf = promisify(gunzip);

/**
 * Unpacks a gzip body (RFC 1952) of at most `maxBytes` unpacked bytes, and holds no more than that
 * in memory. Throws ExchangeError `too-large` when there is more, `malformed` when the bytes are not
 * gzip, or not all of it.
 */
export async function gunzipBounded(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return await gunzipOf(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new ExchangeError('too-large', `The body is larger than ${maxBytes} bytes unpacked.`);
    }
    throw new ExchangeError('malformed', 'The body is not gzip, or not all of it.');
  }
}
