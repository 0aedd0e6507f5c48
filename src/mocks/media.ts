/**
 * Oracle Health's media service as a mock server.
 *
 * ASSUMPTION: nobody has published this service's interface; paths, headers and limits are our choice.
 * - `POST {base}/media?name={file name}`: the bytes, their Content-Type, a `Content-Digest` with sha-256
 *   (RFC 9530) and perhaps an `Idempotency-Key`; 201 `{mediaIdentifier, mediaVersion}`.
 * - `GET {base}/media/{mediaIdentifier}/versions/{mediaVersion}`: the bytes.
 */
import { type Answer, empty, header, json, type MockRequest, plain, Refusal } from './answer.ts';
import { type Door, type DoorOptions, openDoor } from './door.ts';
import { keepMedia, type MediaItem, sha256 } from './media-store.ts';
import { route } from './routes.ts';
import { bearerToken } from './tokens.ts';
import { resetMedia, type World } from './world.ts';

const MAX_FILE_BYTES = 25 * 1024 * 1024;

/** Path of the service on the mock's origin. */
export const MEDIA_PATH = '/multimedia';

/** Opens the mock. */
export function openMedia(world: World, options: Pick<DoorOptions, 'port' | 'log'>): Promise<Door> {
  return openDoor({
    ...options,
    world,
    routes: [
      route('POST', `${MEDIA_PATH}/media`, (request) => upload(world, request)),
      route('GET', `${MEDIA_PATH}/media/:mediaIdentifier/versions/:mediaVersion`, (request) =>
        download(world, request),
      ),
    ],
    controls: [
      route('GET', '/_mock/media', (request) => {
        const all = [...world.media.byIdentifier.values()];
        const withSeeded = request.query.get('all') === '1';
        return json(200, all.filter((item) => withSeeded || item.uploads > 0).map(shown));
      }),
    ],
    messages: () => [],
    reset: () => resetMedia(world),
    maxBodyBytes: MAX_FILE_BYTES,
  });
}

function upload(world: World, request: MockRequest): Answer {
  checkToken(world, request);
  const name = request.query.get('name') ?? '';
  if (name.trim() === '' || name.length > 255) throw new Refusal(plain(400, 'name is missing'));
  const mimeType = header(request, 'content-type') ?? '';
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;.*)?$/.test(mimeType)) throw new Refusal(empty(415));
  if (request.body.byteLength === 0) throw new Refusal(plain(400, 'no content'));
  const digest = sha256(request.body, 'base64');
  if (digestOf(request) !== digest) throw new Refusal(plain(400, 'Content-Digest does not match'));
  const key = header(request, 'idempotency-key');
  const known = key === undefined ? undefined : world.media.byIdempotencyKey.get(key);
  if (known !== undefined) {
    if (sha256(known.bytes, 'base64') !== digest || known.name !== name) {
      throw new Refusal(plain(422, 'Idempotency-Key was used for another file'));
    }
    known.uploads++;
    return created(known);
  }
  const item = keepMedia(world.media, { name, mimeType, bytes: request.body }, 1);
  if (key !== undefined) world.media.byIdempotencyKey.set(key, item);
  return created(item);
}

/** The sha-256 member of the digest dictionary, RFC 9530 §2. */
function digestOf(request: MockRequest): string | undefined {
  const members = (header(request, 'content-digest') ?? '').split(',');
  const member = members.map((text) => text.trim()).find((text) => text.startsWith('sha-256='));
  return /^sha-256=:([A-Za-z0-9+/]+=*):$/.exec(member ?? '')?.[1];
}

function created({ mediaIdentifier, mediaVersion }: MediaItem): Answer {
  return json(201, { mediaIdentifier, mediaVersion });
}

function download(world: World, request: MockRequest): Answer {
  checkToken(world, request);
  const item = world.media.byIdentifier.get(request.segment('mediaIdentifier'));
  if (item === undefined || request.segment('mediaVersion') !== String(item.mediaVersion)) {
    throw new Refusal(empty(404));
  }
  const ascii = item.name.replaceAll(/[^\u0020-\u007E]|["\\]/g, '_');
  return {
    status: 200,
    headers: {
      'content-type': item.mimeType,
      'content-digest': `sha-256=:${sha256(item.bytes, 'base64')}:`,
      'content-disposition': `attachment; filename="${ascii}"; filename*=UTF-8''${encodeURIComponent(item.name)}`,
    },
    body: item.bytes,
  };
}

function checkToken(world: World, request: MockRequest): void {
  if (bearerToken(world.tokens, header(request, 'authorization'), world.now()) !== undefined)
    return;
  throw new Refusal(empty(401, { 'www-authenticate': 'Bearer realm="media"' }));
}

function shown(item: MediaItem): object {
  const { mediaIdentifier, mediaVersion, name, mimeType, bytes, uploads } = item;
  const size = bytes.byteLength;
  return {
    mediaIdentifier,
    mediaVersion,
    name,
    mimeType,
    size,
    sha256: sha256(bytes, 'hex'),
    uploads,
  };
}
