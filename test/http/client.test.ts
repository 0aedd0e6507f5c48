import { expect, test } from 'bun:test';
import { createClientOf } from '../../src/http/client.ts';

function client(trustedProxies: number, headers: Record<string, string>) {
  return createClientOf(trustedProxies)(new Request('http://x.invalid/', { headers }), null);
}

test('without a trusted proxy what headers say is not believed', () => {
  const forged = { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https' };
  expect(client(0, forged)).toEqual({ address: 'unknown', isSecure: false });
});

test('of what stands in X-Forwarded-For only what trusted proxies wrote is believed', () => {
  const header = {
    'X-Forwarded-For': '6.6.6.6, 192.0.2.1, 198.51.100.7',
    'X-Forwarded-Proto': 'https',
  };
  expect(client(1, header)).toEqual({ address: '198.51.100.7', isSecure: true });
  expect(client(2, header).address).toBe('192.0.2.1');
  expect(client(5, header).address).toBe('unknown');
  expect(client(1, {})).toMatchObject({ isSecure: false });
});
