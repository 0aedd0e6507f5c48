import type { Instant } from '../message.ts';

/** A stretch of time on whole seconds, `begin` before `end`. */
export interface Window {
  begin: Instant;
  end: Instant;
}

const SECOND_MS = 1000;

/**
 * Cuts `[since, until]` into windows of at most `windowMs`, oldest first. Ends are widened to whole
 * seconds, the finest that Messaging REST takes, and neighbours share their border: whether it counts
 * the border is unpublished, so a message may show twice and never falls between. Empty when `until`
 * is before `since`.
 */
export function windowsOf(since: Instant, until: Instant, windowMs: number): Window[] {
  if (until < since) return [];
  const first = Math.floor(since / SECOND_MS) * SECOND_MS;
  const last = Math.max(Math.ceil(until / SECOND_MS) * SECOND_MS, first + SECOND_MS);
  const windows: Window[] = [];
  for (let begin = first; begin < last; begin += windowMs) {
    windows.push({ begin, end: Math.min(begin + windowMs, last) });
  }
  return windows;
}

/** The two halves of a window, or undefined when it is one second and can't be cut. */
export function halvesOf(window: Window): [Window, Window] | undefined {
  const seconds = (window.end - window.begin) / SECOND_MS;
  if (seconds < 2) return undefined;
  const middle = window.begin + Math.floor(seconds / 2) * SECOND_MS;
  return [
    { begin: window.begin, end: middle },
    { begin: middle, end: window.end },
  ];
}
