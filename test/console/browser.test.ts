/** The console in real Chromium, over a whole exchange against the mocks. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { type City, CLOSED_POOL, POOL, setup } from '../flows/setup.ts';
import { hasChromium, openWindow, startChromium } from './chromium.ts';

const TIMEOUT_MS = 60_000;
const AXE = readFileSync(Bun.fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
let browser: Browser;

beforeAll(async () => {
  if (hasChromium) browser = await startChromium();
}, TIMEOUT_MS);

afterAll(async () => {
  if (hasChromium) await browser.close();
}, TIMEOUT_MS);

function inChromium(sentence: string, body: () => Promise<void>): void {
  test.skipIf(!hasChromium)(sentence, body, TIMEOUT_MS);
}

/** A city with something to see of every kind. */
async function busyCity(): Promise<City & { refused: string; quarantined: string }> {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(1);
  await city.clinicianWrites({ patientId: ohPatientId, subject: 'Labs', body: 'All is well.' });
  const letter = { icn, subject: 'Hello', body: 'Anyone?', mhvMessageId: 655570 };
  await city.send({ ...letter, receivingPoolId: POOL });
  const refused = await city.send({ ...letter, receivingPoolId: CLOSED_POOL });
  const headers = { 'Content-Type': 'application/atom+xml' };
  await fetch(`${city.exchange.url}/oh/feed`, { method: 'POST', headers, body: '<feed>\n<x>' });
  await city.exchange.store.sessions.request(city.patient(2).icn);
  await city.pass(0);
  const [document] = (await city.exchange.store.operator.listQuarantined({ limit: 1 })).documents;
  return Object.assign(city, { refused, quarantined: document?.id ?? '' });
}

function pathsOf(city: { refused: string; quarantined: string }): string[] {
  return [
    '/console',
    '/console/destinations',
    '/console/destinations/oh-to-mhv/pause',
    '/console/messages',
    `/console/messages/${city.refused}`,
    '/console/replay',
    '/console/quarantine',
    `/console/quarantine/${city.quarantined}`,
    '/console/histories',
    '/console/directory',
    '/console/directory/2000001',
    '/console/system',
    '/console/login',
  ];
}

/** What axe-core has against the page, by the rules of WCAG 2.2 A and AA. */
async function complaintsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate<{
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  }>(
    `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  );
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`,
  );
}

/** By how many pixels the page goes beyond its window. */
async function tooWide(page: Page): Promise<number> {
  return page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
}

test.skipIf(!hasChromium).each([
  ['wide and light', 1280, 'light'],
  ['wide and dark', 1280, 'dark'],
  ['between and light', 900, 'light'],
  ['narrow and light', 375, 'light'],
  ['narrow and dark', 375, 'dark'],
] as const)(
  'every page, %s, fits its window, keeps to WCAG AA and breaks no policy of its own',
  async (_how, width, colorScheme) => {
    const city = await busyCity();
    const page = await openWindow(browser, { viewport: { width, height: 800 }, colorScheme });
    const refusals: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') refusals.push(message.text());
    });
    for (const path of pathsOf(city)) {
      await page.goto(city.exchange.url + path);
      expect([path, await complaintsOf(page)]).toEqual([path, []]);
      expect([path, await tooWide(page)]).toEqual([path, 0]);
    }
    for (const button of ['Show the contents', 'Show the document']) {
      const path = button.endsWith('contents') ? 'messages' : 'quarantine';
      const id = path === 'messages' ? city.refused : city.quarantined;
      await page.goto(`${city.exchange.url}/console/${path}/${id}`);
      await page.getByRole('button', { name: button }).click();
      await page.locator('pre').first().waitFor();
      expect([button, await complaintsOf(page)]).toEqual([button, []]);
    }
    expect(refusals).toEqual([]);
    await page.context().close();
  },
  TIMEOUT_MS,
);

inChromium(
  'the page of the API fits a phone, in light and dark, and asks for nothing that is not there',
  async () => {
    const city = await setup();
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await openWindow(browser, {
        viewport: { width: 390, height: 844 },
        colorScheme,
      });
      const refusals: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') refusals.push(message.text());
      });
      await page.goto(`${city.exchange.url}/openapi`);
      await page.getByText('Send a message to Oracle Health').click();
      await page.getByText('The Idempotency-Key was used before.').first().waitFor();
      expect(await tooWide(page)).toBe(0);
      const back = 'getComputedStyle(document.documentElement).backgroundColor';
      expect((await page.evaluate(back)) === 'rgba(0, 0, 0, 0)').toBe(colorScheme === 'light');
      expect(refusals).toEqual([]);
      await page.context().close();
    }
  },
);

inChromium('with the keyboard alone a message is searched for and opened', async () => {
  const city = await busyCity();
  const page = await openWindow(browser);
  await page.goto(`${city.exchange.url}/console/messages`);
  await page.keyboard.press('Tab');
  const focused = () => page.evaluate('document.activeElement.textContent');
  expect(await focused()).toContain('Skip to the content');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.type(city.patient(1).icn);
  await page.keyboard.press('Enter');
  await page.getByText('Invalid', { exact: true }).first().waitFor();
  expect(page.url()).not.toContain(city.patient(1).icn);
  const target = () => page.evaluate('document.activeElement.getAttribute("href")');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  for (let pressed = 0; pressed < 60; pressed += 1) {
    if ((await target()) === `/console/messages/${city.refused}`) break;
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  expect(page.url()).toEndWith(`/console/messages/${city.refused}`);
  await page.context().close();
});

inChromium('without scripts a message is found, replayed, and its contents are shown', async () => {
  const city = await busyCity();
  const page = await openWindow(browser, { javaScriptEnabled: false });
  await page.goto(`${city.exchange.url}/console`);
  await page.getByRole('link', { name: '1 message was given up' }).click();
  await page.locator(`a[href$="${city.refused}"]`).click();
  await page.getByRole('button', { name: 'Show the contents' }).click();
  await page.getByText('Anyone?').first().waitFor();
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.getByText('Replayed', { exact: true }).waitFor();
  expect((await city.view(city.refused)).status).toBe('IN_PROGRESS');
  await page.context().close();
});

inChromium('a page that is open shows what arrives without being loaded again', async () => {
  const city = await busyCity();
  const page = await openWindow(browser);
  await page.goto(`${city.exchange.url}/console`);
  await page.locator('#liveness', { hasText: 'Live' }).waitFor();
  await page.evaluate('window.loadedOnce = true');
  const numbers = page.locator('#minutes-mhv-to-oh-numbers');
  await numbers.locator('summary').click();
  const { icn } = city.patient(3);
  for (const subject of ['One', 'Two', 'Three']) {
    await city.send({ icn, subject, body: 'Hello.', receivingPoolId: CLOSED_POOL });
  }
  await city.pass(2000);
  await page.getByRole('link', { name: '4 messages were given up' }).waitFor();
  expect(await page.evaluate('window.loadedOnce')).toBe(true);
  expect(await numbers.getAttribute('open')).not.toBeNull();
  await page.context().close();
});

inChromium('an open page does not keep the exchange from stopping', async () => {
  const city = await busyCity();
  const page = await openWindow(browser);
  await page.goto(`${city.exchange.url}/console`);
  await page.locator('#liveness', { hasText: 'Live' }).waitFor();
  await city.restart();
  await page.context().close();
});

inChromium('a pause from the page stops deliveries until the page resumes them', async () => {
  const city = await setup();
  const page = await openWindow(browser);
  await page.goto(`${city.exchange.url}/console/destinations`);
  await page.getByRole('link', { name: 'Pause My HealtheVet' }).click();
  await page.getByRole('button', { name: 'Pause My HealtheVet' }).click();
  await page.getByText('Paused by console').waitFor();
  const { ohPatientId } = city.patient(1);
  await city.clinicianWrites({ patientId: ohPatientId, subject: 'Visit', body: 'Tuesday?' });
  await city.pass(1000);
  expect(await city.atMhv()).toEqual([]);
  await page.getByRole('button', { name: 'Resume My HealtheVet' }).click();
  await page.getByRole('link', { name: 'Pause My HealtheVet' }).waitFor();
  await city.pass(1000);
  expect(await city.atMhv()).toHaveLength(1);
  await page.context().close();
});

inChromium('a replay is a dry run first, then it goes', async () => {
  const city = await busyCity();
  const page = await openWindow(browser);
  await page.goto(`${city.exchange.url}/console/replay`);
  await page.getByLabel('Error code').fill('oh:recipient-denied');
  await page.getByRole('button', { name: 'Dry run' }).click();
  await page.getByRole('heading', { name: 'Dry run: 1 message would go' }).waitFor();
  expect((await city.view(city.refused)).status).toBe('INVALID');
  await page.getByRole('button', { name: 'Replay 1 message' }).click();
  await page.getByText('1 message replayed').waitFor();
  expect((await city.view(city.refused)).status).toBe('IN_PROGRESS');
  await page.context().close();
});
