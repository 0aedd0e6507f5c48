import { expect, test } from 'bun:test';
import { STYLES_PATH } from '../../src/http/console/assets.ts';
import { entryXml, setup } from './setup.ts';

test('every answer tells browsers to keep nothing, guess nothing and frame nothing', async () => {
  const site = setup({ mode: 'none' });
  const answers = [
    await site.push(entryXml(1)),
    await site.push('not xml'),
    await site.send({}),
    await fetch(`${site.url}/messages`),
    await fetch(`${site.url}/nowhere`),
    await fetch(`${site.url}/health/live`),
    await fetch(`${site.url}/console/login`),
    await fetch(`${site.url}/openapi`),
    await fetch(`${site.url}/audit`),
    await fetch(`${site.url}/oh/feed?hub.mode=subscribe&hub.topic=t&hub.challenge=c`),
  ];
  for (const { headers, status } of answers) {
    expect(status).toBeLessThan(500);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(headers.has('strict-transport-security')).toBe(false);
  }
  const styles = await fetch(site.url + STYLES_PATH);
  expect(styles.headers.get('cache-control')).toContain('immutable');
});

test('with TLS a browser is told to come by nothing else', async () => {
  const { url } = setup({ mode: 'none' }, 1000, { isTls: true });
  const { headers } = await fetch(`${url}/health/live`);
  expect(headers.get('strict-transport-security')).toBe('max-age=63072000');
});

test('the page of the API needs nothing from anywhere else, and no script within it', async () => {
  const { url } = setup({ mode: 'none' });
  const page = await (await fetch(`${url}/openapi`)).text();
  expect(page).not.toMatch(/https?:|<style|onload|<script>/);
  const needed = [...page.matchAll(/(?:src|href)="(?!data:)([^"]+)"/g)].map(
    (match) => match[1] ?? '',
  );
  expect(needed).toEqual([
    '/openapi/assets/swagger-ui.css',
    '/openapi/assets/page.css',
    '/openapi/assets/swagger-ui-bundle.js',
    '/openapi/assets/start.js',
  ]);
  for (const path of needed) {
    const { status, headers } = await fetch(url + path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/(css|javascript)/);
  }
  const { paths } = (await (await fetch(`${url}/openapi/json`)).json()) as { paths: object };
  expect(Object.keys(paths)).toContain('/messages');
  expect(Object.keys(paths).filter((path) => path.startsWith('/openapi'))).toEqual([]);
});
