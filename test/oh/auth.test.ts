import { describe, expect, test } from 'bun:test';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { type AuthOptions, createAuthorizer } from '../../src/oh/auth.ts';
import { authorizedCall } from '../../src/oh/authorized-call.ts';
import { publicKeySet } from '../../src/oh/oauth2.ts';
import { peerAt } from '../../src/upstream.ts';
import {
  context,
  type Loopback,
  NOW,
  refusedUrl,
  serve,
  serveCut,
  serveNothing,
  verdictOf,
} from './loopback.ts';

const request = { method: 'GET', url: 'https://oh.example.test/messages' };

function setup(
  tokenUrl: string,
  options?: Partial<AuthOptions>,
): { authorizer: ReturnType<typeof createAuthorizer>; clock: { now: number } } {
  const clock = { now: NOW };
  let ids = 0;
  const merged = {
    method: 'client-secret',
    tokenUrl,
    clientId: 'exchange',
    clientSecret: 's3cret',
    scope: 'system/Patient.read system/Encounter.read',
    timeoutMs: 1500,
    ...options,
  } as AuthOptions;
  const randomId = (): string => {
    ids += 1;
    return `id-${ids}`;
  };
  return { authorizer: createAuthorizer(merged, { now: () => clock.now, randomId }), clock };
}

function serveTokens(expiresInS = 570): Loopback {
  let tokens = 0;
  return serve(() => {
    tokens += 1;
    const access_token = `token-${tokens}`;
    return Response.json({ access_token, token_type: 'Bearer', expires_in: expiresInS });
  });
}

function read(server: Loopback, tokens: Loopback): Promise<{ status: number }> {
  const { authorizer } = setup(tokens.url);
  return authorizedCall(
    {
      system: 'oh',
      peer: peerAt(server.url),
      method: 'POST',
      url: server.url,
      timeoutMs: 1500,
      effect: 'write',
      context,
    },
    authorizer,
  );
}

describe('OAuth 2 client credentials', () => {
  test('a secret travels in the Basic header and the scopes in the form', async () => {
    using server = serveTokens();
    const { authorizer } = setup(`${server.url}/token`);
    expect(await authorizer.authorization(request, context)).toBe('Bearer token-1');
    const [seen] = server.seen;
    expect(seen?.headers.get('authorization')).toBe(`Basic ${btoa('exchange:s3cret')}`);
    expect(seen?.headers.get('content-type')).toStartWith('application/x-www-form-urlencoded');
    expect(seen?.headers.get('accept')).toBe('application/json');
    expect(seen?.body).toBe(
      'grant_type=client_credentials&scope=system%2FPatient.read%20system%2FEncounter.read',
    );
  });

  test('many callers at once fetch one token', async () => {
    using server = serveTokens();
    const { authorizer } = setup(server.url);
    const calls = Array.from({ length: 20 }, () => authorizer.authorization(request, context));
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['Bearer token-1']));
    expect(server.seen).toHaveLength(1);
  });

  test('a token is kept until shortly before its end', async () => {
    using server = serveTokens(570);
    const { authorizer, clock } = setup(server.url);
    await authorizer.authorization(request, context);
    clock.now += 539_000;
    expect(await authorizer.authorization(request, context)).toBe('Bearer token-1');
    clock.now += 2_000;
    expect(await authorizer.authorization(request, context)).toBe('Bearer token-2');
  });

  test('a token that lives for seconds is used for half its life', async () => {
    using server = serveTokens(10);
    const { authorizer, clock } = setup(server.url);
    await authorizer.authorization(request, context);
    clock.now += 4_000;
    expect(await authorizer.authorization(request, context)).toBe('Bearer token-1');
    clock.now += 2_000;
    expect(await authorizer.authorization(request, context)).toBe('Bearer token-2');
  });

  test('two calls refused with the same token renew it once', async () => {
    using server = serveTokens();
    const { authorizer } = setup(server.url);
    const refused = await authorizer.authorization(request, context);
    authorizer.renew(refused);
    expect(await authorizer.authorization(request, context)).toBe('Bearer token-2');
    authorizer.renew(refused);
    expect(await authorizer.authorization(request, context)).toBe('Bearer token-2');
  });

  test('one caller that gives up does not take the token from the others', async () => {
    using server = serveTokens();
    const { authorizer } = setup(server.url);
    const leaving = new AbortController();
    const first = authorizer.authorization(request, { ...context, signal: leaving.signal });
    const second = authorizer.authorization(request, context);
    leaving.abort();
    expect(await second).toBe('Bearer token-1');
    expect(await first).toBe('Bearer token-1');
  });
});

describe('a token endpoint that fails', () => {
  const statuses = [400, 401, 403, 404, 429, 500, 502, 503, 504];
  test.each(statuses)('%p is retry, whatever waits for the token', async (status) => {
    using server = serve(() => new Response('<html>', { status, headers: { 'Retry-After': '7' } }));
    const { authorizer } = setup(server.url);
    expect(await verdictOf(authorizer.authorization(request, context))).toMatchObject({
      kind: 'retry',
      code: `auth:${status}`,
      httpStatus: status,
      retryAfterMs: 7000,
    });
  });

  test('names a known error code, and nothing else of the body', async () => {
    const answers = ['invalid_client', 'ZZTEST, PATIENT'];
    using server = serve(() => Response.json({ error: answers.shift() }, { status: 401 }));
    const { authorizer } = setup(server.url);
    const first = await verdictOf(authorizer.authorization(request, context));
    const second = await verdictOf(authorizer.authorization(request, context));
    expect(first.reason).toContain('invalid_client');
    expect(second.reason).not.toContain('ZZTEST');
  });

  test('an answer without a token is retry', async () => {
    using server = serve(() => Response.json({ token_type: 'Bearer' }));
    const verdict = await verdictOf(setup(server.url).authorizer.authorization(request, context));
    expect(verdict).toMatchObject({ kind: 'retry', code: 'auth:unreadable' });
  });

  test('silence, a cut and a refused connection are retry, and a failure is not kept', async () => {
    using silent = serveNothing();
    using cut = serveCut();
    const kinds = await Promise.all(
      [silent.url, cut.url, refusedUrl()].map(async (url) => {
        const { authorizer } = setup(url, { timeoutMs: 50 });
        const { kind, code } = await verdictOf(authorizer.authorization(request, context));
        return `${kind} ${code}`;
      }),
    );
    expect(kinds).toEqual([
      'retry auth:timeout',
      'retry auth:connection-lost',
      'retry auth:no-connection',
    ]);
    let calls = 0;
    using recovering = serve(() => {
      calls += 1;
      if (calls === 1) return new Response(null, { status: 503 });
      return Response.json({ access_token: 'late', token_type: 'bearer', expires_in: 60 });
    });
    const { authorizer } = setup(recovering.url);
    await verdictOf(authorizer.authorization(request, context));
    expect(await authorizer.authorization(request, context)).toBe('Bearer late');
  });
});

describe('private_key_jwt', () => {
  const rsa = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
  const p384 = generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;

  test.each([
    ['RS384', rsa],
    ['ES384', p384],
  ])('a %s assertion verifies against our published key set', async (alg, privateKeyPem) => {
    using server = serveTokens(1);
    const tokenUrl = `${server.url}/token`;
    const { authorizer, clock } = setup(tokenUrl, {
      method: 'private-key-jwt',
      privateKeyPem,
      keyId: 'key-1',
    });
    await authorizer.authorization(request, context);
    clock.now += 1000;
    await authorizer.authorization(request, context);
    const keySet = createLocalJWKSet(publicKeySet([{ privateKeyPem, keyId: 'key-1' }]));
    const verified = await Promise.all(
      server.seen.map(({ body }) => {
        const form = new URLSearchParams(body);
        expect(form.get('client_assertion_type')).toBe(
          'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        );
        return jwtVerify(form.get('client_assertion') ?? '', keySet, {
          issuer: 'exchange',
          subject: 'exchange',
          audience: tokenUrl,
          currentDate: new Date(clock.now),
        });
      }),
    );
    expect(verified.map(({ protectedHeader }) => protectedHeader)).toEqual([
      { alg, kid: 'key-1', typ: 'JWT' },
      { alg, kid: 'key-1', typ: 'JWT' },
    ]);
    const [first, second] = verified.map(({ payload }) => payload);
    expect((first?.exp ?? 0) - NOW / 1000).toBeWithin(1, 301);
    expect(first?.jti).not.toBe(second?.jti);
    expect(server.seen[0]?.headers.has('authorization')).toBe(false);
  });

  test('the key set holds public halves only', () => {
    const { keys } = publicKeySet([
      { privateKeyPem: rsa, keyId: 'a' },
      { privateKeyPem: p384, keyId: 'b' },
    ]);
    const names = keys.map((key) => Object.keys(key).toSorted().join(' '));
    expect(names).toEqual(['alg e kid kty n use', 'alg crv kid kty use x y']);
  });

  test('a key of another kind is refused at once', () => {
    const { privateKey } = generateKeyPairSync('ed25519', {
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    expect(() => publicKeySet([{ privateKeyPem: privateKey, keyId: 'a' }])).toThrow('RSA or P-384');
  });
});

describe('OAuth 1.0a', () => {
  const oauth1 = { method: 'oauth1', consumerKey: 'key one', consumerSecret: 'se&cret' } as const;

  test('PLAINTEXT sends the escaped secret and the realm', async () => {
    const { authorizer } = setup('', { ...oauth1, signatureMethod: 'PLAINTEXT', realm: 'demo' });
    expect(await authorizer.authorization(request, context)).toBe(
      'OAuth realm="demo", oauth_consumer_key="key%20one", oauth_nonce="id-1", ' +
        'oauth_signature_method="PLAINTEXT", oauth_timestamp="1748779200", oauth_version="1.0", ' +
        'oauth_signature="se%2526cret%26"',
    );
  });

  test('HMAC-SHA1 signs method, address and sorted parameters as RFC 5849 section 3.4.1 says', async () => {
    const { authorizer } = setup('', { ...oauth1, signatureMethod: 'HMAC-SHA1' });
    const header = await authorizer.authorization(
      { method: 'get', url: 'HTTPS://OH.Example.test:443/a/3%3A-6?b=2&a=x%20y!&b=1' },
      context,
    );
    const base =
      'GET&https%3A%2F%2Foh.example.test%2Fa%2F3%253A-6&' +
      'a%3Dx%2520y%2521%26b%3D1%26b%3D2%26oauth_consumer_key%3Dkey%2520one%26oauth_nonce%3Did-1%26' +
      'oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1748779200%26oauth_version%3D1.0';
    const expected = createHmac('sha1', 'se%26cret&').update(base).digest('base64');
    expect(header).toContain(`oauth_signature="${encodeURIComponent(expected)}"`);
  });
});

describe('a call that needs authorization', () => {
  test('is repeated once with a new token after 401', async () => {
    using tokens = serveTokens();
    using server = serve(
      ({ headers }) =>
        new Response(null, {
          status: headers.get('authorization') === 'Bearer token-2' ? 200 : 401,
        }),
    );
    expect((await read(server, tokens)).status).toBe(200);
    expect(server.seen).toHaveLength(2);
  });

  test('is a fault of configuration after a second 401, so nothing is dead-lettered at once', async () => {
    using tokens = serveTokens();
    using server = serve(() => new Response(null, { status: 401 }));
    expect(await verdictOf(read(server, tokens))).toMatchObject({
      kind: 'retry',
      code: 'oh:unauthorized',
      httpStatus: 401,
    });
    expect(server.seen).toHaveLength(2);
    expect(tokens.seen).toHaveLength(2);
  });

  test('is retry when no token can be had, since nothing was sent', async () => {
    using tokens = serve(() => new Response(null, { status: 500 }));
    using server = serve(() => new Response());
    expect(await verdictOf(read(server, tokens))).toMatchObject({
      kind: 'retry',
      code: 'auth:500',
    });
    expect(server.seen).toHaveLength(0);
  });

  test('goes without a header when the service is open', async () => {
    using server = serve(() => new Response(null, { status: 401 }));
    const { url } = server;
    const peer = peerAt(url);
    const timeoutMs = 1500;
    const open = { system: 'fhir', peer, method: 'GET', url, timeoutMs, effect: 'read' } as const;
    const verdict = await verdictOf(authorizedCall({ ...open, context }, undefined));
    expect(verdict).toMatchObject({ kind: 'retry', code: 'fhir:unauthorized' });
    expect(server.seen[0]?.headers.has('authorization')).toBe(false);
  });
});
