/** A console over HTTP, as a browser without scripts gets it. */
import type { AppOptions } from '../../src/http/app.ts';
import { createClientOf } from '../../src/http/client.ts';
import { createVisitorOf } from '../../src/http/console/visitor.ts';
import type { Role } from '../../src/principal.ts';
import { roleScopes } from '../../src/principal.ts';
import { type Site, setup } from '../http/setup.ts';
import { send, toOh } from '../store/setup.ts';

/** A site whose visitor has the role; the proxy's header is the role. */
export function site(role: Role = 'operator', options: Partial<AppOptions> = {}) {
  const made = setup({ mode: 'none' }, 1000, (store) => ({
    ...options,
    console: {
      visitorOf: createVisitorOf({
        store,
        mode: 'required',
        proxy: {
          header: 'x-role',
          verify: async (name) =>
            name === role
              ? { name: `jwt:${name}`, kind: 'jwt', scopes: roleScopes[role] }
              : undefined,
        },
        formKey: new Uint8Array(32),
        clientOf: createClientOf(0),
      }),
      login: async () => undefined,
      clientOf: () => ({ address: '192.0.2.1', isSecure: false }),
    },
  }));
  const headers = { 'X-Role': role, Accept: 'text/html' };
  const get = (path: string) => fetch(made.url + path, { headers, redirect: 'manual' });
  const page = async (path: string) => (await get(path)).text();
  const csrf = async () =>
    /name="csrf" value="([\w-]+)"/.exec(await page('/console/messages'))?.[1] ?? '';
  const post = async (path: string, form: Record<string, string> = {}) =>
    fetch(made.url + path, {
      method: 'POST',
      redirect: 'manual',
      headers,
      body: new URLSearchParams({ csrf: await csrf(), ...form }),
    });
  return { ...made, get, page, post };
}

const fromMhv = { stage: 'inbox', direction: 'mhv-to-oh' } as const;
const toTheOh = { stage: 'outbox', direction: 'mhv-to-oh' } as const;

/** A message that was refused for good at its destination. */
export async function refused(
  { store }: Pick<Site, 'store'>,
  changes: Parameters<typeof send>[0] = {},
): Promise<string> {
  const sent = send({ mhvMessageId: '655570', ...changes });
  const { id } = await store.acceptSend(sent);
  const [inbox] = await store.claim(fromMhv, 10);
  if (!inbox) throw new Error('nothing to claim');
  await store.handOver(inbox, toOh(sent));
  const [outbox] = await store.claim(toTheOh, 10);
  if (!outbox) throw new Error('nothing to claim');
  await store.settle(outbox, {
    state: 'dead',
    outcome: { kind: 'rejected', code: 'oh:400', reason: 'OH refused it.', httpStatus: 400 },
  });
  return id;
}
