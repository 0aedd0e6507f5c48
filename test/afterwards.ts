/** Cleaning up after a test, whichever file it stands in. */
import { onTestFinished } from 'bun:test';

const cleanups: (() => unknown)[] = [];

/**
 * To be done when the running test has ended, the latest first. Not by an `afterEach` of a module that
 * several test files import: Bun binds that to the first of them alone, and the others clean up nothing.
 */
export function afterwards(cleanup: () => unknown): void {
  if (cleanups.length === 0) onTestFinished(cleanUp);
  cleanups.push(cleanup);
}

async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}
