/** Running mocks with a clock that a test can move, and short ways to call them. */
import { type Mocks, type MocksOptions, startMocks } from '../../src/mocks/mocks.ts';

export interface Setup extends Mocks {
  clock: { now: number };
  /** A bearer token for the scopes of the environment, or for others. */
  bearer: (scope?: string) => Promise<string>;
  /** Calls a control door and gives its JSON. */
  control: <T>(origin: string, method: string, path: string, body?: unknown) => Promise<T>;
  variable: (name: string) => string;
}

export async function setup(options: MocksOptions = {}): Promise<Setup> {
  const clock = { now: Date.parse('2025-06-15T12:00:00Z') };
  const mocks = await startMocks({
    feedSecret: 'zztest-feed-secret',
    now: () => clock.now,
    ...options,
  });
  const variable = (name: string): string => mocks.env[name] ?? '';
  return {
    ...mocks,
    clock,
    variable,
    bearer: (scope = variable('OH_AUTH_SCOPE')) => askToken(variable, scope),
    control: async <T>(origin: string, method: string, path: string, body?: unknown) => {
      const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await fetch(`${origin}/_mock/${path}`, init);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
  };
}

async function askToken(variable: (name: string) => string, scope: string): Promise<string> {
  const pair = `${variable('OH_AUTH_CLIENT_ID')}:${variable('OH_AUTH_CLIENT_SECRET')}`;
  const response = await fetch(variable('OH_AUTH_TOKEN_URL'), {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(pair)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  return `Bearer ${token}`;
}
