/** A patient's message list over any range of time, though the API has no paging. */

import { readJson } from '../json.ts';
import type { Instant } from '../message.ts';
import { type CallContext, UpstreamError } from '../upstream.ts';
import { messageListSchema, type OhListedMessage } from './messages.ts';
import { getOfPatient, type MessagingAccess, urlOf } from './messaging-calls.ts';
import { halvesOf, type Window, windowsOf } from './windows.ts';

export interface OhListRequest {
  patientId: string;
  box: 'inbox' | 'outbox';
  since: Instant;
  until: Instant;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_WINDOW_DAYS = 90;
const DEFAULT_MAX_PER_WINDOW = 500;

/**
 * Lists what lies in the box from `since` to `until`, oldest first, each id once, deleted messages
 * left out. Reads window by window; a window whose list is longer than `maxPerWindow`, or too large
 * to read, is read again in halves down to one second.
 */
export async function listMessages(
  options: MessagingAccess,
  request: OhListRequest,
  context: CallContext,
): Promise<OhListedMessage[]> {
  const days = Math.min(Math.max(options.windowDays ?? MAX_WINDOW_DAYS, 1), MAX_WINDOW_DAYS);
  const byId = new Map<string, OhListedMessage>();
  const waiting = windowsOf(request.since, request.until, days * DAY_MS);
  for (let window = waiting.shift(); window; window = waiting.shift()) {
    const halves = halvesOf(window);
    const found = await listWindow(options, request, window, context, halves !== undefined);
    if (found) for (const message of found) byId.set(message.id, message);
    else waiting.unshift(...(halves ?? []));
  }
  return [...byId.values()].toSorted((a, b) => a.createdAt - b.createdAt);
}

/** The window's list, or undefined when it is too long and the window can be cut. */
async function listWindow(
  options: MessagingAccess,
  request: OhListRequest,
  window: Window,
  context: CallContext,
  divisible: boolean,
): Promise<OhListedMessage[] | undefined> {
  const query = queryOf(request.box, window);
  const urlFor = (patientId: string): string =>
    urlOf(options, ['patients', patientId, request.box, 'messages'], query);
  try {
    const { response } = await getOfPatient(options, request.patientId, urlFor, context);
    const list = readJson(response, messageListSchema, { system: 'oh', effect: 'read' });
    const tooLong = list.length > (options.maxPerWindow ?? DEFAULT_MAX_PER_WINDOW);
    return tooLong && divisible ? undefined : list;
  } catch (error) {
    const tooLarge = error instanceof UpstreamError && error.outcome.code === 'oh:answer-too-large';
    if (tooLarge && divisible) return undefined;
    throw error;
  }
}

function queryOf(box: 'inbox' | 'outbox', window: Window): string {
  const types = box === 'inbox' ? 'MESSAGE,REMINDER' : 'MESSAGE';
  const dates = `beginDate=${utcSecond(window.begin)}&endDate=${utcSecond(window.end)}`;
  return `?${dates}&statuses=UNREAD,OPEN,ONHOLD&types=${types}`;
}

/** ISO 8601 in UTC without milliseconds, encoded for a query. */
function utcSecond(at: Instant): string {
  return encodeURIComponent(`${new Date(at).toISOString().slice(0, 19)}Z`);
}
