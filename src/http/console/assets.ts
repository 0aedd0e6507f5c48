/** The two files that a browser gets besides the pages. Their names change with them, so both may be kept for long. */
import { createHash } from 'node:crypto';
import { Elysia } from 'elysia';
import script from './live.browser.js' with { type: 'text' };
import base from './styles/base.css' with { type: 'text' };
import cards from './styles/cards.css' with { type: 'text' };
import charts from './styles/charts.css' with { type: 'text' };
import forms from './styles/forms.css' with { type: 'text' };
import frame from './styles/frame.css' with { type: 'text' };
import message from './styles/message.css' with { type: 'text' };
import quarantine from './styles/quarantine.css' with { type: 'text' };
import tables from './styles/tables.css' with { type: 'text' };

const styles = [base, frame, cards, charts, tables, forms, message, quarantine].join('\n');
const KEEP = 'public, max-age=31536000, immutable';

export const STYLES_PATH = `/console/assets/console.${hashOf(styles)}.css`;
export const SCRIPT_PATH = `/console/assets/live.${hashOf(script)}.js`;

/** `GET` of each; nobody needs to be logged in for them. */
export function assets() {
  return new Elysia({ name: 'console-assets' })
    .get(STYLES_PATH, () => asset(styles, 'text/css; charset=utf-8'), { detail: { hide: true } })
    .get(SCRIPT_PATH, () => asset(script, 'text/javascript; charset=utf-8'), {
      detail: { hide: true },
    });
}

function asset(text: string, contentType: string): Response {
  return new Response(text, { headers: { 'Content-Type': contentType, 'Cache-Control': KEEP } });
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
