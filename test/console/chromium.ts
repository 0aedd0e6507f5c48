/** Chromium as a person without a mouse, or without scripts, would use it; see browser.test.ts. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PATH = '/usr/bin/chromium';
/** CI installs it and skips nothing; elsewhere the tests that need it are skipped by name. */
export const hasChromium = process.env['CI'] === 'true' || existsSync(PATH);
const ACTION_TIMEOUT_MS = 10_000;

/** Starts it with a profile of its own, which goes with it. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: PATH,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A window of its own: cookies, size, colours, scripts or none. */
export async function openWindow(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(ACTION_TIMEOUT_MS);
  return context.newPage();
}
