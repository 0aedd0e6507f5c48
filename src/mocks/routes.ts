/** Paths with named segments (`/pools/:poolIds`), matched against a request. */
import { type Answer, empty, type MockRequest, Refusal } from './answer.ts';

type Handler = (request: MockRequest) => Answer | Promise<Answer>;

export interface Route {
  method: string;
  segments: string[];
  handle: Handler;
}

/** A route; a segment that starts with a colon takes any one non-empty segment. */
export function route(method: string, pattern: string, handle: Handler): Route {
  return { method, segments: pattern.split('/'), handle };
}

/** Answers by the first route that fits: 404 when no path does, 405 when only the method does not. */
export async function answerByRoute(
  routes: readonly Route[],
  request: MockRequest,
): Promise<Answer> {
  const sent = request.path.split('/');
  let pathKnown = false;
  for (const candidate of routes) {
    if (!fits(candidate.segments, sent)) continue;
    pathKnown = true;
    if (candidate.method !== request.method) continue;
    request.segment = (name) => namedSegment(candidate.segments, sent, name);
    return candidate.handle(request);
  }
  return empty(pathKnown ? 405 : 404);
}

function fits(pattern: readonly string[], sent: readonly string[]): boolean {
  if (pattern.length !== sent.length) return false;
  return pattern.every((expected, index) =>
    expected.startsWith(':') ? sent[index] !== '' : expected === sent[index],
  );
}

function namedSegment(pattern: readonly string[], sent: readonly string[], name: string): string {
  const value = sent[pattern.indexOf(`:${name}`)];
  if (value === undefined) throw new Error(`No segment ${name} in ${pattern.join('/')}`);
  try {
    return decodeURIComponent(value);
  } catch {
    throw new Refusal(empty(400));
  }
}
