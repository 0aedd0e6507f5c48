import type { Instant } from './message.ts';

/** A value and when it may no longer be used. */
export interface Loaded<T> {
  value: T;
  expiresAt: Instant;
}

export interface Cache<T> {
  /**
   * The kept value, or what `load` gives. However many ask for one key at the same time, it is
   * loaded once and all share the result, a failure included. Failures are not kept.
   */
  get(key: string, load: () => Promise<Loaded<T>>): Promise<T>;
  /** Forgets `value` if it is still the one kept: a newer one stays. */
  drop(key: string, value: T): void;
}

/** A cache of at most `maxEntries` values; the one kept longest makes room for a new one. */
export function createCache<T>(options: { maxEntries: number; now: () => Instant }): Cache<T> {
  const entries = new Map<string, Loaded<T>>();
  const loading = new Map<string, Promise<T>>();

  function keep(key: string, loaded: Loaded<T>): T {
    entries.delete(key);
    const oldest = entries.keys().next();
    if (entries.size >= options.maxEntries && !oldest.done) entries.delete(oldest.value);
    entries.set(key, loaded);
    return loaded.value;
  }

  return {
    async get(key, load) {
      const entry = entries.get(key);
      if (entry && entry.expiresAt > options.now()) return entry.value;
      const underWay = loading.get(key);
      if (underWay) return underWay;
      const loaded = load()
        .then((fresh) => keep(key, fresh))
        .finally(() => loading.delete(key));
      loading.set(key, loaded);
      return loaded;
    },
    drop(key, value) {
      if (entries.get(key)?.value === value) entries.delete(key);
    },
  };
}
