/** Our public keys, for the authorization server that checks our assertions. */
import { Elysia, t } from 'elysia';
import { keySet as keySetExample } from './examples.ts';

/** `GET /.well-known/jwks.json`: a JSON Web Key set (RFC 7517), empty unless we sign assertions. */
export function keys({ keySet = { keys: [] } }: { keySet?: { keys: object[] } }) {
  return new Elysia({ name: 'keys' }).get('/.well-known/jwks.json', () => keySet, {
    response: {
      200: t.Object(
        { keys: t.Array(t.Object({}, { additionalProperties: true })) },
        { examples: [keySetExample] },
      ),
    },
    detail: {
      operationId: 'getKeys',
      summary: 'Public keys of private_key_jwt',
      description: 'Register this address with the authorization server of Oracle Health.',
      tags: ['Oracle Health'],
    },
  });
}
