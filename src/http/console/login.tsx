/** The console's door: log in and log out. */
import { Elysia, t } from 'elysia';
import type { createLogin } from '../../access/login.ts';
import { digestOf } from '../../access/token.ts';
import { ExchangeError } from '../../errors.ts';
import type { Store } from '../../store/store.ts';
import type { ClientOf } from '../client.ts';
import { Page, pageResponse } from './page.tsx';
import {
  consoleAccess,
  refuseForeign,
  sessionCookie,
  sessionOf,
  type VisitorOf,
} from './visitor.ts';

export interface ConsoleOptions {
  store: Pick<Store, 'operators'>;
  visitorOf: VisitorOf;
  login: ReturnType<typeof createLogin>;
  clientOf: ClientOf;
}

const loginBody = t.Object({
  name: t.String({ maxLength: 64 }),
  password: t.String({ maxLength: 1024 }),
  next: t.Optional(t.String({ maxLength: 2048 })),
});

/** `GET /console/login`, `POST /console/login`, `POST /console/logout`. */
export function consoleDoor({ store, visitorOf, login, clientOf }: ConsoleOptions) {
  return new Elysia({ name: 'console' })
    .use(consoleAccess(visitorOf))
    .get('/console/login', ({ query }) => pageResponse(<LoginPage next={query.next} />), {
      query: t.Object({ next: t.Optional(t.String({ maxLength: 2048 })) }),
      detail: { hide: true },
    })
    .post(
      '/console/login',
      async ({ body, request, server }) => {
        refuseForeign(request);
        const { address, isSecure } = clientOf(request, server);
        const session = await login({ name: body.name, password: body.password, address });
        if (session === undefined) return pageResponse(<LoginPage next={body.next} isWrong />, 401);
        await endOf(store, request, isSecure);
        return seeOther(pathOf(body.next), sessionCookie(session, isSecure));
      },
      { parse: 'urlencoded', body: loginBody, detail: { hide: true } },
    )
    .post(
      '/console/logout',
      async ({ request, server }) => {
        const { isSecure } = clientOf(request, server);
        await endOf(store, request, isSecure);
        return seeOther('/console/login', sessionCookie(undefined, isSecure));
      },
      { console: 'read', parse: 'urlencoded', body: t.Object({ csrf: t.String() }) },
    );
}

function LoginPage({ next, isWrong = false }: { next?: string | undefined; isWrong?: boolean }) {
  return (
    <Page title="Log in">
      <form method="post" action="/console/login" class="login">
        {isWrong && (
          <p class="notice bad" role="alert">
            Name and password do not belong together.
          </p>
        )}
        <label>
          Name
          <input name="name" autocomplete="username" required maxLength={64} autofocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {next !== undefined && <input type="hidden" name="next" value={next} />}
        <button type="submit" class="main">
          Log in
        </button>
      </form>
    </Page>
  );
}

/** A login never goes on with a session from before it. */
async function endOf(
  store: ConsoleOptions['store'],
  { headers }: Request,
  isSecure: boolean,
): Promise<void> {
  const session = sessionOf(headers, isSecure);
  if (session !== undefined) await store.operators.logOut(digestOf(session));
}

/** A page of the console, and never another site. */
function pathOf(next = '/console'): string {
  const isOurs = /^\/console(?:[/?][\w./?=&%:~-]*)?$/.test(next);
  const leavesIt = /\.\.|\/\/|%2e|%2f/i.test(next.split('?', 1)[0] ?? '');
  if (!isOurs || leavesIt)
    throw new ExchangeError('invalid', 'body/next: must be a page of the console');
  return next;
}

function seeOther(to: string, cookie: string): Response {
  return new Response(null, { status: 303, headers: { Location: to, 'Set-Cookie': cookie } });
}
