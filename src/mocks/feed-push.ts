/** Delivering documents to the webhook: signed, a few at once, tried again until it says 2xx. */
import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

const MAX_RUNNING = 16;
const MAX_PUSHES = 20_000;
const TIMEOUT_MS = 30_000;

/** A document on its way, and how it is sent where that differs from the rule. */
export interface Delivery {
  ohMessageIds: string[];
  document: string;
  url?: string | undefined;
  contentType?: string | undefined;
  headers?: Record<string, string> | undefined;
  gzip?: boolean | undefined;
  sign?: boolean | undefined;
}

/** A line of `GET /_mock/pushes`; a try without an answer has status 0. */
interface Push {
  ohMessageIds: string[];
  delivered: boolean;
  tries: { at: string; status: number; error?: string }[];
}

export interface FeedState {
  /** The subscribed webhook. */
  url: string | undefined;
  /** Signs the pushes; without it they go unsigned. */
  secret: string | undefined;
  waitsMs: readonly number[];
  now: () => number;
  pushes: Push[];
  waiting: { delivery: Delivery; push: Push }[];
  running: number;
  /** Aborted when the pushes under way are to end: by a reset, or for good. */
  stopped: AbortController;
}

/** Has a document delivered in the background; without a subscription nothing happens. */
export function enqueue(state: FeedState, delivery: Delivery): void {
  if (state.url === undefined) return;
  state.waiting.push({ delivery, push: begin(state, delivery) });
  work(state);
}

/** Delivers once and gives the webhook's answer; status 0 when none came. */
export async function deliverOnce(
  state: FeedState,
  delivery: Delivery,
): Promise<{ status: number; body: string }> {
  return attempt(state, delivery, begin(state, delivery), state.stopped.signal);
}

function begin(state: FeedState, delivery: Delivery): Push {
  const push: Push = { ohMessageIds: delivery.ohMessageIds, delivered: false, tries: [] };
  state.pushes.push(push);
  if (state.pushes.length > MAX_PUSHES) state.pushes.shift();
  return push;
}

function work(state: FeedState): void {
  while (state.running < MAX_RUNNING && !state.stopped.signal.aborted) {
    const next = state.waiting.shift();
    if (next === undefined) return;
    state.running++;
    void deliver(state, next.delivery, next.push).finally(() => {
      state.running--;
      work(state);
    });
  }
}

/** 410 ends the subscription; any other answer but 2xx asks for redelivery (WebSub §7). */
async function deliver(state: FeedState, delivery: Delivery, push: Push): Promise<void> {
  const { signal } = state.stopped;
  for (const waitMs of [0, ...state.waitsMs]) {
    if (waitMs > 0) await pause(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const { status } = await attempt(state, delivery, push, signal);
    if (push.delivered) return;
    if (status === 410) {
      state.url = undefined;
      return;
    }
  }
}

async function attempt(
  state: FeedState,
  delivery: Delivery,
  push: Push,
  stopped: AbortSignal,
): Promise<{ status: number; body: string }> {
  const at = new Date(state.now()).toISOString();
  const url = delivery.url ?? state.url;
  if (url === undefined) {
    push.tries.push({ at, status: 0, error: 'no subscription' });
    return { status: 0, body: '' };
  }
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      ...signedContent(delivery, state.secret),
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), stopped]),
    });
    const body = await response.text();
    push.tries.push({ at, status: response.status });
    push.delivered ||= response.ok;
    return { status: response.status, body };
  } catch (error) {
    push.tries.push({ at, status: 0, error: error instanceof Error ? error.name : 'unknown' });
    return { status: 0, body: '' };
  }
}

/** WebSub §8: the HMAC is over the bytes as sent, compressed when they are. */
function signedContent(
  delivery: Delivery,
  secret: string | undefined,
): {
  headers: Record<string, string>;
  body: Buffer<ArrayBuffer>;
} {
  const text = Buffer.from(delivery.document, 'utf8');
  const body = delivery.gzip === true ? Buffer.from(gzipSync(text)) : text;
  const signature =
    secret === undefined || delivery.sign === false
      ? {}
      : { 'x-hub-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
  return {
    headers: {
      'content-type': delivery.contentType ?? 'application/atom+xml',
      ...(delivery.gzip === true ? { 'content-encoding': 'gzip' } : {}),
      ...signature,
      ...delivery.headers,
    },
    body,
  };
}
