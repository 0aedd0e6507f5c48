/** Server-sent events (HTML §9.2): what of a page has changed since its reader last heard of it. */
import type { VNode } from 'preact';
import { render } from 'preact-render-to-string';
import { ExchangeError } from '../../errors.ts';
import type { Visitor, VisitorOf } from './visitor.ts';

/** Elements of a page by their id; each must have that id itself. */
export type Fragments = Record<string, VNode>;

export interface EventsOptions {
  visitorOf: VisitorOf;
  /** Ends every stream when the process is to stop. */
  closing?: AbortSignal | undefined;
  /** How often a page is looked at; 2000 unless told. */
  everyMs?: number;
}

/** Sends to one reader. */
export type SendEvents = (
  request: Request,
  fragments: (visitor: Visitor) => Promise<Fragments>,
) => Response;

const EVERY_MS = 2000;
/** So often something is sent, else a proxy or the server takes the reader for gone. */
const SILENCE_MS = 15_000;
const MAX_READERS = 50;
const RETRY_AFTER_S = 5;

/**
 * Makes the function that answers a reader with a stream. A reader whose login is over is let go, and
 * their browser is shown the way to log in when they do anything. ExchangeError `unavailable` when too
 * many read.
 */
export function createEvents(options: EventsOptions): SendEvents {
  const { visitorOf, closing, everyMs = EVERY_MS } = options;
  let readers = 0;
  return (request, fragments) => {
    if (readers >= MAX_READERS) {
      throw new ExchangeError('unavailable', 'Too many look at the console.', {
        retryAfterSeconds: RETRY_AFTER_S,
      });
    }
    readers += 1;
    const sent = new Map<string, string>();
    let isOver = false;
    let silentMs = 0;
    let timer: Timer | undefined;
    const over = new AbortController();
    const end = () => {
      if (isOver) return;
      isOver = true;
      readers -= 1;
      clearTimeout(timer);
      over.abort();
    };
    const stream = new ReadableStream<string>({
      start(controller) {
        const close = () => {
          if (isOver) return;
          end();
          controller.close();
        };
        closing?.addEventListener('abort', close, { once: true, signal: over.signal });
        const look = async () => {
          const visitor = await visitorOf(request);
          if (isOver) return;
          if (!visitor || closing?.aborted) return close();
          const changes = changed(await fragments(visitor), sent);
          if (isOver) return;
          silentMs = changes === '' ? silentMs + everyMs : 0;
          if (changes !== '') controller.enqueue(changes);
          else if (silentMs >= SILENCE_MS) {
            controller.enqueue(': nothing new\n\n');
            silentMs = 0;
          }
          timer = setTimeout(() => void look().catch(close), everyMs);
        };
        controller.enqueue('retry: 2000\n\n');
        void look().catch(close);
      },
      cancel: end,
    });
    return new Response(stream.pipeThrough(new TextEncoderStream()), {
      headers: {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Accel-Buffering': 'no',
      },
    });
  };
}

function changed(fragments: Fragments, sent: Map<string, string>): string {
  return Object.entries(fragments)
    .map(([id, node]) => [id, render(node)] as const)
    .filter(([id, html]) => sent.get(id) !== html)
    .map(([id, html]) => {
      sent.set(id, html);
      return `event: fragment\ndata: ${JSON.stringify({ id, html })}\n\n`;
    })
    .join('');
}
