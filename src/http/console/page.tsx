/** What every page of the console has around it. What is put into JSX is escaped. */
import type { ComponentChildren, VNode } from 'preact';
import { render } from 'preact-render-to-string';
import { SCRIPT_PATH, STYLES_PATH } from './assets.ts';
import type { Visitor } from './visitor.ts';

export interface PageProps {
  title: string;
  /** Absent before the login. */
  visitor?: Visitor;
  /** Path of the events that keep the page's fragments up to date. */
  live?: string;
  children: ComponentChildren;
}

const sections = [
  ['/console', 'Overview'],
  ['/console/destinations', 'Destinations'],
  ['/console/messages', 'Messages'],
  ['/console/replay', 'Replay'],
  ['/console/quarantine', 'Quarantine'],
  ['/console/histories', 'Histories'],
  ['/console/directory', 'Directory'],
  ['/console/system', 'System'],
] as const;

/** Paths of the pages that the navigation leads to. */
export type Section = (typeof sections)[number][0];

/** A page with its head, the way to the other pages, the name of who looks, and the way out. */
export function Page({
  title,
  visitor,
  section,
  live,
  children,
}: PageProps & { section?: Section }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · SM Exchange`}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={STYLES_PATH} />
        {live !== undefined && <script type="module" src={SCRIPT_PATH} />}
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <a class="home" href="/console">
            <Sign /> SM Exchange
          </a>
          {visitor && <Visiting visitor={visitor} />}
        </header>
        {visitor && <Navigation present={section} />}
        <main id="main" tabIndex={-1} data-live={live}>
          <div class="title">
            <h1>{title}</h1>
            {live !== undefined && (
              <p id="liveness" class="quiet" hidden>
                Live
              </p>
            )}
          </div>
          {children}
        </main>
      </body>
    </html>
  );
}

/** Only who logged in here can log out here. */
function Visiting({ visitor }: { visitor: Visitor }) {
  const { name, kind } = visitor.principal;
  if (kind !== 'session') return <span class="who">{name}</span>;
  return (
    <form method="post" action="/console/logout">
      <span class="who">{name}</span>
      <Csrf visitor={visitor} />
      <button type="submit">Log out</button>
    </form>
  );
}

function Navigation({ present }: { present: Section | undefined }) {
  return (
    <nav aria-label="Console">
      <ul>
        {sections.map(([path, word]) => (
          <li key={path}>
            <a href={path} aria-current={path === present ? 'page' : undefined}>
              {word}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Two arrows that pass each other. */
function Sign() {
  return (
    <svg class="sign" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M3 8h15m-4-4 4 4-4 4M21 16H6m4-4-4 4 4 4" />
    </svg>
  );
}

/** The field that each form must have. */
export function Csrf({ visitor }: { visitor: Visitor }) {
  return <input type="hidden" name="csrf" value={visitor.csrfToken} />;
}

/** The page as an answer; nothing of it is kept by browser or proxy. */
export function pageResponse(page: VNode, status = 200): Response {
  return new Response(`<!doctype html>${render(page)}`, {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' },
  });
}

/** After a form was taken: the browser goes on to a page that may be loaded again. */
export function seeOther(to: string): Response {
  return new Response(null, { status: 303, headers: { Location: to } });
}
