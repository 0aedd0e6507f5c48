/** Reads what strace saw of the exchange: requests, writes to the WAL, syncs, acknowledgements. */

export interface Seen {
  /** 202 answers to requests that carried one of the tokens. */
  acknowledged: number;
  /** Those of them before which nobody synced the WAL after the token was written to it. */
  unsafe: number;
  /** Syncs of the WAL. */
  syncs: number;
}

interface Call {
  name: string;
  /** Descriptor with what it stands for, such as `7</tmp/exchange.db-wal>`. */
  target: string;
  text: string;
}

/** What to trace; each call with its whole data and the names of its descriptors. */
export const TRACED = [
  '--follow-forks',
  '--seccomp-bpf',
  '--decode-fds=path',
  '--string-limit=8192',
  '--trace=fsync,fdatasync,pwrite64,pwritev,sendto,sendmsg,writev,recvfrom,recvmsg',
];

/** Follows each token, a text that is in no other message, from its request to its 202. */
export function readTrace(trace: string, tokens: string[]): Seen {
  const seen: Seen = { acknowledged: 0, unsafe: 0, syncs: 0 };
  const requestOn = new Map<string, string>();
  const written = new Set<string>();
  const synced = new Set<string>();
  for (const { name, target, text } of callsIn(trace)) {
    const isWal = target.includes('-wal>');
    if (name.startsWith('recv') && text.includes('"POST /')) {
      const token = tokens.find((one) => text.includes(one));
      if (token !== undefined) requestOn.set(target, token);
    } else if (name.startsWith('pwrite') && isWal) {
      for (const token of tokens) if (text.includes(token)) written.add(token);
    } else if (name.endsWith('sync') && isWal && text.endsWith('= 0')) {
      seen.syncs += 1;
      for (const token of written) synced.add(token);
    } else if (text.includes('"HTTP/1.1 202 ')) {
      const token = requestOn.get(target);
      if (token === undefined) continue;
      requestOn.delete(target);
      seen.acknowledged += 1;
      if (!synced.has(token)) seen.unsafe += 1;
    }
  }
  return seen;
}

/**
 * The calls of all threads: what is sent or written counts from its start, what is received or synced
 * from its end, so that of two calls that overlap the order is the one that could do harm.
 */
function* callsIn(trace: string): Generator<Call> {
  const unfinished = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    const [begun, marker] = rest.split(' <unfinished ...>');
    const text = resumed === undefined ? (begun ?? '') : (unfinished.get(thread) ?? '') + resumed;
    const [, name = '', target = ''] = /^(\w+)\((\d+<[^>]*>)/.exec(text) ?? [];
    const countsFromEnd = name.startsWith('recv') || name.endsWith('sync');
    if (marker !== undefined) unfinished.set(thread, text);
    if (resumed !== undefined) unfinished.delete(thread);
    const counts = countsFromEnd ? marker === undefined : resumed === undefined;
    if (name !== '' && counts) yield { name, target, text };
  }
}
