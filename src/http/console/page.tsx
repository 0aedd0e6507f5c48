/** What every page of the console has around it. What is put into JSX is escaped. */
import type { ComponentChildren, VNode } from 'preact';
import { render } from 'preact-render-to-string';
import type { Visitor } from './visitor.ts';

export interface PageProps {
  title: string;
  /** Absent before the login. */
  visitor?: Visitor;
  children: ComponentChildren;
}

/** A page with its head, the name of who looks, and the way out. */
export function Page({ title, visitor, children }: PageProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · SM Exchange`}</title>
        <link rel="stylesheet" href="/console/assets/console.css" />
      </head>
      <body>
        <header>
          <a href="/console">SM Exchange</a>
          {visitor && (
            <form method="post" action="/console/logout">
              <span>{visitor.principal.name}</span>
              <Csrf visitor={visitor} />
              <button type="submit">Log out</button>
            </form>
          )}
        </header>
        <main>
          <h1>{title}</h1>
          {children}
        </main>
      </body>
    </html>
  );
}

/** The field that each form must have. */
function Csrf({ visitor }: { visitor: Visitor }) {
  return <input type="hidden" name="csrf" value={visitor.csrfToken} />;
}

/** The page as an answer; nothing of it is kept by browser or proxy. */
export function pageResponse(page: VNode, status = 200): Response {
  return new Response(`<!doctype html>${render(page)}`, {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' },
  });
}
