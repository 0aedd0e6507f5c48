/** The operator console: `/console` and everything below it, put together. */
import { Elysia } from 'elysia';
import type { Extraction } from '../../atom/extract.ts';
import type { Instant } from '../../message.ts';
import type { Store } from '../../store/store.ts';
import type { Destinations } from '../destinations.ts';
import { answeredForms } from './answered-forms.ts';
import { assets } from './assets.ts';
import { createEvents } from './events.ts';
import { type ConsoleOptions, consoleDoor } from './login.tsx';
import { destinationsPage } from './pages/destinations.tsx';
import { directoryPages } from './pages/directory.tsx';
import { historiesPage } from './pages/histories.tsx';
import { messagePage } from './pages/message.tsx';
import { messagesPage } from './pages/messages.tsx';
import { overviewPage } from './pages/overview.tsx';
import { quarantinePages } from './pages/quarantine.tsx';
import { replayPages } from './pages/replay.tsx';
import { systemPage } from './pages/system.tsx';

/** How the console lets people in, and when its streams end. */
export interface ConsoleDoor extends Omit<ConsoleOptions, 'store'> {
  /** `AUTH=none`: on a machine that nobody else reaches. */
  isOpen?: boolean;
  /** Aborted when the process is to stop: a stream would keep it waiting. */
  closing?: AbortSignal;
}

export interface OperatorConsoleOptions extends ConsoleDoor {
  store: Store;
  destinations: Destinations;
  extraction: Extraction;
  now: () => Instant;
  /** Of an edited copy of a quarantined document. */
  maxBytes: number;
}

export function operatorConsole(options: OperatorConsoleOptions) {
  const pages = { ...options, events: createEvents(options) };
  return new Elysia({ name: 'operator-console' })
    .use(assets())
    .use(consoleDoor(options))
    .use(answeredForms(options))
    .use(overviewPage(pages))
    .use(destinationsPage(pages))
    .use(messagesPage(pages))
    .use(messagePage(pages))
    .use(replayPages(pages))
    .use(quarantinePages(pages))
    .use(historiesPage(pages))
    .use(directoryPages(pages))
    .use(systemPage(pages));
}
