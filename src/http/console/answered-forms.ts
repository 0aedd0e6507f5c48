/** Addresses at which a form is answered with a page; who loads one anew, or comes back to it, only GETs it. */
import { Elysia } from 'elysia';
import { seeOther } from './page.tsx';
import { consoleAccess, type VisitorOf } from './visitor.ts';

const ADDRESSES = [
  '/console/messages/:id/contents',
  '/console/replay/dry-run',
  '/console/quarantine/:id/text',
  '/console/quarantine/:id/replay',
  '/console/quarantine/:id/edited',
];

/** `GET` of each leads back to the page that has the form; nothing that was hidden is shown again. */
export function answeredForms({ visitorOf }: { visitorOf: VisitorOf }) {
  const app = new Elysia({ name: 'console-answered-forms' }).use(consoleAccess(visitorOf));
  for (const address of ADDRESSES) {
    app.get(address, ({ path }) => seeOther(path.slice(0, path.lastIndexOf('/'))), {
      console: 'read',
    });
  }
  return app;
}
