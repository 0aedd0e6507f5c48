/**
 * A loop that claims what is due and works on it, several at a time. It sleeps until something is
 * due, and a wake ends the sleep at once. It knows neither SQL nor HTTP.
 */
import type { Instant } from '../message.ts';

export interface PollerOptions<T> {
  /** Takes up to `limit` due items in hand. */
  claim: (limit: number) => Promise<T[]>;
  /**
   * Works on one item and settles it. Must not reject: what it lets slip goes to `onError`. It calls `free`
   * when its settlement is on the way to the store: the next claim then shares a commit with it.
   */
  work: (item: T, free: () => void) => Promise<void>;
  /** When something is next due, if that is known. */
  nextDueAt: () => Promise<Instant | undefined>;
  /** False while nothing may be claimed; always true unless told. */
  mayClaim?: () => boolean;
  concurrency: number;
  now: () => Instant;
  /** In [0, 1). */
  random: () => number;
  onError: (error: unknown) => void;
}

/** Longest sleep: another process may have written to the same file and can't wake us. */
const MAX_SLEEP_MS = 1000;
/** Pause after a failed poll (a full disk, a locked file), so that it doesn't spin. */
const ERROR_SLEEP_MS = 500;
/** Least sleep when nothing could be claimed. */
const MIN_IDLE_MS = 5;

export class Poller<T> {
  readonly #options: PollerOptions<T>;
  /** Everything that is not settled yet. */
  readonly #inHand = new Set<Promise<void>>();
  /** How many of those are still worked on. */
  #working = 0;
  #claimed = 0;
  #stopped = false;
  #woken = false;
  #endSleep: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: PollerOptions<T>) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends the present sleep, or skips the next one. */
  wake(): void {
    this.#woken = true;
    this.#endSleep?.();
  }

  /** Claims nothing more, and resolves when the work in hand is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#loop;
    await Promise.all(this.#inHand);
  }

  /** Claims once and starts the work; returns how long to sleep, in milliseconds. */
  async poll(): Promise<number> {
    const { claim, concurrency, nextDueAt, now, random } = this.#options;
    const free = concurrency - this.#working;
    if (free <= 0) return MAX_SLEEP_MS;
    const items = await claim(free);
    this.#claimed += items.length;
    for (const item of items) this.#takeUp(item);
    if (items.length === free) return 0;
    const dueAt = await nextDueAt();
    const untilDue = dueAt === undefined ? MAX_SLEEP_MS : dueAt - now();
    // Several processes or lanes that woke together should not poll together.
    const ceiling = MAX_SLEEP_MS * (0.9 + 0.2 * random());
    return Math.min(Math.max(untilDue, items.length === 0 ? MIN_IDLE_MS : 0), ceiling);
  }

  /** Items claimed since the start. */
  get claimed(): number {
    return this.#claimed;
  }

  /** Resolves when nothing that was claimed is unfinished. */
  async finishInHand(): Promise<void> {
    await Promise.all(this.#inHand);
  }

  #takeUp(item: T): void {
    this.#working += 1;
    let isFree = false;
    const free = () => {
      if (isFree) return;
      isFree = true;
      this.#working -= 1;
      this.wake();
    };
    const work = this.#options.work(item, free).catch(this.#options.onError);
    this.#inHand.add(work);
    void work.finally(() => {
      this.#inHand.delete(work);
      free();
    });
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#woken = false;
      let sleepMs = ERROR_SLEEP_MS;
      try {
        sleepMs = (this.#options.mayClaim?.() ?? true) ? await this.poll() : MAX_SLEEP_MS;
      } catch (error) {
        this.#options.onError(error);
      }
      await this.#sleep(sleepMs);
    }
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#woken || this.#stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endSleep = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endSleep = undefined;
  }
}
