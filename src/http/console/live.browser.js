// Keeps the fragments of a page up to date while somebody looks at it. Without it the page is as it was loaded.
const main = document.getElementById('main');
const liveness = document.getElementById('liveness');
const path = main?.dataset.live;
let source;

function tell(words) {
  liveness.hidden = false;
  liveness.textContent = words;
}

// A fragment is replaced whole: what was open stays open, what had the focus has it again.
function replace({ id, html }) {
  const old = document.getElementById(id);
  if (!old) return;
  const template = document.createElement('template');
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  if (!fresh) return;
  const focused = old.contains(document.activeElement) ? keyOf(document.activeElement) : undefined;
  for (const details of old.querySelectorAll('details[open][id]')) {
    fresh.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute('open', '');
  }
  old.replaceWith(fresh);
  if (focused) find(fresh, focused)?.focus({ preventScroll: true });
}

function keyOf(element) {
  const name = element.tagName;
  const text = element.textContent;
  return { name, text, id: element.closest('[id]')?.id };
}

function find(fragment, { name, text, id }) {
  const near = id && id !== fragment.id ? fragment.querySelector(`#${CSS.escape(id)}`) : fragment;
  const elements = [...(near ?? fragment).querySelectorAll(name)];
  return elements.find((element) => element.textContent === text) ?? elements[0];
}

function open() {
  if (source || document.hidden) return;
  source = new EventSource(path);
  source.addEventListener('open', () => tell('Live'));
  source.addEventListener('fragment', ({ data }) => replace(JSON.parse(data)));
  source.addEventListener('error', () => {
    tell('Not live: trying again');
    // The browser tries again by itself unless it was refused.
    if (source?.readyState !== EventSource.CLOSED) return;
    close();
    setTimeout(open, 5000);
  });
}

function close() {
  source?.close();
  source = undefined;
}

if (path && liveness) {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  window.addEventListener('pagehide', close);
  window.addEventListener('pageshow', open);
  open();
}
