/**
 * Characters to elements whose names are resolved (Namespaces in XML 1.0): the namespace decides,
 * never the prefix. The scan has refused what is not well formed before the XML library reads it.
 */
import { type X2jOptions, XMLParser } from 'fast-xml-parser';
import { ExchangeError } from '../errors.ts';
import type { AtomLimits } from './limits.ts';
import { CUT_OUT, nameEnd, shownName } from './names.ts';
import { malformedAt, type Position, Positions } from './position.ts';
import { decodeReferences } from './references.ts';
import { scanXml } from './scan.ts';

export const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';
const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/';

export interface XmlElement {
  /** Empty when the element is in no namespace. */
  namespace: string;
  /** Name without prefix. */
  name: string;
  /** Place among all elements of the document, in the order of their start tags, from 0. */
  ordinal: number;
  attributes: readonly XmlAttribute[];
  /** Text, with references decoded and CDATA sections merged, and elements. */
  children: readonly (XmlElement | string)[];
}

/** An attribute that is no namespace declaration; its value is normalised (XML 1.0 §3.3.3). */
interface XmlAttribute {
  namespace: string;
  name: string;
  value: string;
}

export interface XmlDocument {
  root: XmlElement;
  /** Where the start tag of an element is. */
  position: (element: XmlElement) => Position;
}

/**
 * Reads a decoded XML document into resolved elements. Throws ExchangeError `malformed` or
 * `too-large`, with line and column, and nothing else.
 */
export function parseXml(text: string, limits: AtomLimits): XmlDocument {
  const positions = new Positions(text);
  const { body, texts, starts } = scanXml(text, limits, positions);
  const position = (ordinal: number) => positions.at(starts[ordinal] ?? 0);
  const resolver = new Resolver(position, texts);
  const root = library(body).find((node) => tagOf(node) !== TEXT);
  if (root === undefined) throw refusedByLibrary();
  return {
    root: resolver.element(root, OUTERMOST_SCOPE),
    position: (element) => position(element.ordinal),
  };
}

/** Text of an element and of all elements in it. */
export function textOf(element: XmlElement): string {
  const { children } = element;
  const [only] = children;
  if (only === undefined) return '';
  if (children.length === 1 && typeof only === 'string') return only;
  return children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}

/** Value of an attribute, undefined when the element has none of that name. */
export function attributeOf(element: XmlElement, name: string, namespace = ''): string | undefined {
  for (const attribute of element.attributes) {
    if (attribute.name === name && attribute.namespace === namespace) return attribute.value;
  }
  return undefined;
}

const TEXT = '#text';
const CDATA = '#cdata';
const ATTRIBUTES = ':@';

/** A node of the library: one key for its tag, text or section, and one for attributes. */
interface LibraryNode {
  [TEXT]?: string;
  [CDATA]?: readonly LibraryNode[];
  [ATTRIBUTES]?: Record<string, string>;
  [tag: string]: unknown;
}

/** Refused or renamed by the library as names of JavaScript; in XML they are names like others. */
const RESERVED = new Set(
  `__proto__ constructor prototype hasOwnProperty toString valueOf
  __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__`.split(/\s+/),
);

/** No name holds an exclamation mark, and `unreserve` takes it off. */
const reserve = (name: string) => (name.length > 6 && RESERVED.has(name) ? `!${name}` : name);

// One parser serves all documents: it keeps no state between them. `processEntities` is off for the
// decoder to be never called, and the decoder is a stand-in because making one costs as much as
// reading a small document.
const options: X2jOptions = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  textNodeName: TEXT,
  cdataPropName: CDATA,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  entityDecoder: {
    setExternalEntities() {},
    addInputEntities() {},
    reset() {},
    decode: (text) => text,
    setXmlVersion() {},
  },
  transformTagName: reserve,
  transformAttributeName: reserve,
  jPath: false,
  maxNestedTags: Number.MAX_SAFE_INTEGER,
};
const parser = new XMLParser(options);

function library(body: string): LibraryNode[] {
  try {
    return parser.parse(body) as LibraryNode[];
  } catch {
    // Not met so far: whatever the library throws on is refused by the scan before.
    throw refusedByLibrary();
  }
}

function refusedByLibrary(): ExchangeError {
  return new ExchangeError('malformed', 'The XML library could not read the document.');
}

function tagOf(node: LibraryNode): string {
  for (const key in node) return key;
  return TEXT;
}

/** The prefixes one element declares, inside those of its ancestors. */
interface Scope {
  outer: Scope | undefined;
  defaultNamespace: string;
  prefixes: Map<string, string> | undefined;
}

const OUTERMOST_SCOPE: Scope = {
  outer: undefined,
  defaultNamespace: '',
  prefixes: new Map([['xml', XML_NAMESPACE]]),
};

const NO_ATTRIBUTES: readonly XmlAttribute[] = [];

class Resolver {
  readonly #position: (ordinal: number) => Position;
  /** Those that the scan cut out, the next one last. */
  readonly #texts: string[];
  #count = 0;

  constructor(position: (ordinal: number) => Position, texts: string[]) {
    this.#position = position;
    this.#texts = texts.toReversed();
  }

  element(node: LibraryNode, outer: Scope): XmlElement {
    const tag = tagOf(node);
    const ordinal = this.#count;
    this.#count += 1;
    const raw = node[ATTRIBUTES];
    const scope = raw === undefined ? outer : this.#scope(raw, outer, ordinal);
    const { namespace, name } = this.#resolve(unreserve(tag), scope, ordinal, true);
    const attributes = raw === undefined ? NO_ATTRIBUTES : this.#attributes(raw, scope, ordinal);
    const children: (XmlElement | string)[] = [];
    for (const child of node[tag] as readonly LibraryNode[]) {
      const text = child[TEXT];
      if (text !== undefined) children.push(decodeReferences(this.#whole(text)));
      else if (child[CDATA] === undefined) children.push(this.element(child, scope));
      else children.push(child[CDATA][0]?.[TEXT] ?? '');
    }
    return { namespace, name, ordinal, attributes, children };
  }

  /** The text with what was cut out of it back in its place. */
  #whole(text: string): string {
    if (text === CUT_OUT) return this.#texts.pop() ?? '';
    return text.includes(CUT_OUT) ? text.replaceAll(CUT_OUT, () => this.#texts.pop() ?? '') : text;
  }

  #scope(raw: Record<string, string>, outer: Scope, ordinal: number): Scope {
    let scope: Scope | undefined;
    for (const key in raw) {
      if (!key.startsWith('xmlns') || (key.length > 5 && key[5] !== ':')) continue;
      scope ??= { outer, defaultNamespace: outer.defaultNamespace, prefixes: undefined };
      const namespace = valueOf(raw[key]);
      if (key === 'xmlns') {
        if (namespace === XML_NAMESPACE || namespace === XMLNS_NAMESPACE) {
          throw this.#fault(ordinal, 'A namespace that can be no default namespace');
        }
        scope.defaultNamespace = namespace;
        continue;
      }
      const prefix = key.slice(6);
      this.#checkDeclaration(prefix, namespace, ordinal);
      (scope.prefixes ??= new Map()).set(prefix, namespace);
    }
    return scope ?? outer;
  }

  #checkDeclaration(prefix: string, namespace: string, ordinal: number): void {
    const isXml = prefix === 'xml' || namespace === XML_NAMESPACE;
    const isXmlRight = prefix === 'xml' && namespace === XML_NAMESPACE;
    if (namespace === '' || namespace === XMLNS_NAMESPACE || (isXml && !isXmlRight)) {
      throw this.#fault(ordinal, 'A prefix bound to a namespace that it can not be bound to');
    }
    if (prefix === 'xmlns' || !isLocalName(prefix)) {
      throw this.#fault(ordinal, 'A namespace declaration with a bad prefix');
    }
  }

  #attributes(raw: Record<string, string>, scope: Scope, ordinal: number): XmlAttribute[] {
    const attributes: XmlAttribute[] = [];
    let prefixed = 0;
    for (const key in raw) {
      if (key === 'xmlns' || key.startsWith('xmlns:')) continue;
      const { namespace, name } = this.#resolve(unreserve(key), scope, ordinal, false);
      if (namespace !== '') prefixed += 1;
      attributes.push({ namespace, name, value: valueOf(raw[key]) });
    }
    if (prefixed > 1) {
      const names = new Set(attributes.map(({ namespace, name }) => `{${namespace}}${name}`));
      if (names.size < attributes.length) {
        throw this.#fault(ordinal, 'An attribute repeated under two prefixes of one namespace');
      }
    }
    return attributes;
  }

  #resolve(qualified: string, scope: Scope, ordinal: number, isElement: boolean) {
    const colon = qualified.indexOf(':');
    if (colon === -1) {
      return { namespace: isElement ? scope.defaultNamespace : '', name: qualified };
    }
    const prefix = qualified.slice(0, colon);
    const name = qualified.slice(colon + 1);
    const what = isElement ? 'element' : 'attribute';
    if (prefix === '' || !isLocalName(name)) {
      throw this.#fault(ordinal, `An ${what} name with a colon in the wrong place`);
    }
    for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
      const namespace = at.prefixes?.get(prefix);
      if (namespace !== undefined) return { namespace, name };
    }
    throw this.#fault(
      ordinal,
      `The ${what} ${shownName(qualified)} has an undeclared namespace prefix`,
    );
  }

  #fault(ordinal: number, what: string): ExchangeError {
    return malformedAt(this.#position(ordinal), what);
  }
}

function unreserve(name: string): string {
  return name.startsWith('!') ? name.slice(1) : name;
}

function isLocalName(name: string): boolean {
  return !name.includes(':') && name !== '' && nameEnd(name, 0) === name.length;
}

function valueOf(raw: string | undefined): string {
  if (raw === undefined) return '';
  return decodeReferences(/[\t\n]/.test(raw) ? raw.replace(/[\t\n]/g, ' ') : raw);
}
