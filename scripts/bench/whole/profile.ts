/** Where a profile of the runtime (`--cpu-prof`) says that the exchange's time went, by room. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

type Node = Profile['nodes'][number];

/**
 * The rooms, each known by its files, in the order in which they are looked for from the innermost frame
 * outwards. `http` is the exchange's own server; `lookUps` are the calls to Oracle Health, `mhv` those to MHV.
 */
const rooms: Record<string, RegExp> = {
  store: /src\/store\/|better-sqlite3|drizzle-orm/,
  parse: /src\/atom\/|fast-xml-parser/,
  translate: /src\/translate\/|htmlparser2/,
  lookUps: /src\/oh\//,
  mhv: /src\/mhv\//,
  log: /pino|sonic-boom/,
  server: /src\/http\/|elysia/,
  calls: /src\/upstream\.ts|ofetch/,
  queue: /src\/(?:queue|flows)\//,
};

/** Shares of the samples in percent, waiting left out; what belongs to no room is `runtime`. */
export async function sharesOf(path: string): Promise<Record<string, number>> {
  const profile = (await Bun.file(path).json()) as Profile;
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, Node>();
  for (const node of profile.nodes)
    for (const child of node.children ?? []) parents.set(child, node);
  const micros: Record<string, number> = {};
  let total = 0;
  for (const [place, id] of profile.samples.entries()) {
    const node = nodes.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') continue;
    const took = profile.timeDeltas[place] ?? 0;
    const room = roomOf(node, parents);
    micros[room] = (micros[room] ?? 0) + took;
    total += took;
  }
  const names = [...Object.keys(rooms), 'runtime'];
  return Object.fromEntries(
    names.map((name) => [name, Math.round(((micros[name] ?? 0) / total) * 1000) / 10]),
  );
}

function roomOf(sampled: Node, parents: Map<number, Node>): string {
  for (let node: Node | undefined = sampled; node; node = parents.get(node.id)) {
    const { url } = node.callFrame;
    const room = Object.entries(rooms).find(([, files]) => files.test(url));
    if (room) return room[0];
  }
  return 'runtime';
}
