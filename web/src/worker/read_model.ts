// Brings a model's bytes into the engine: model.json first, then the weights straight into its memory.
import { LinnetError, toLinnetError } from '../errors.js';
import type { ModelSource } from '../protocol.js';
import type { Progress } from '../types.js';
import type { Engine, ModelDescription } from './engine.js';

// Weight files that are fetched at a time.
const parallel = 4;
const progressMilliseconds = 40;

/** A stream of bytes with what is known of its length. */
interface Incoming {
  /** For messages. */
  readonly name: string;
  readonly stream: ReadableStream<Uint8Array> | null;
  readonly length: number | null;
}

async function fetchStream(url: string, request: RequestInit): Promise<Incoming> {
  let response: Response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    throw new LinnetError('Network', `${url} could not be reached (${error instanceof Error ? error.message : error})`);
  }
  if (!response.ok) throw new LinnetError('Network', `${url} answered ${`${response.status} ${response.statusText}`.trim()}`);
  // The length header counts encoded bytes, so it says nothing of a compressed body.
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  return { name: url, stream: response.body, length: length === null ? null : Number(length) };
}

/** Where a model's files come from. */
interface Files {
  readonly open: () => Promise<Incoming>;
  readonly openShard: (path: string) => Promise<Incoming>;
}

function filesOfUrl(url: string, request: RequestInit): Files {
  return {
    open: () => fetchStream(url, request),
    openShard: (path) => {
      const shard = new URL(path, url);
      // A signed address carries its signature in the query, and it holds for the shards too.
      if (!shard.search) shard.search = new URL(url).search;
      return fetchStream(shard.href, request);
    },
  };
}

function filesOfFiles(files: readonly { readonly path: string; readonly file: Blob }[]): Files {
  const named = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  const json = files.filter(({ path }) => path.endsWith('.json'));
  const main = json.find(({ path }) => named(path) === 'model.json') ?? (json.length === 1 ? json[0] : undefined);
  const incoming = ({ path, file }: { path: string; file: Blob }): Incoming => ({
    name: path,
    stream: file.stream(),
    length: file.size,
  });
  return {
    open: async () => {
      if (main) return incoming(main);
      throw new LinnetError(
        'Io',
        json.length === 0
          ? 'there is no model.json among the files'
          : `there is no model.json among the files, and ${json.length} other .json files; give one`,
      );
    },
    openShard: async (path) => {
      const folder = main!.path.slice(0, main!.path.length - named(main!.path).length);
      const file = files.find((entry) => entry.path === folder + path) ?? files.find((entry) => named(entry.path) === named(path));
      if (file) return incoming(file);
      throw new LinnetError('Io', `the weight file '${path}', which ${main!.path} names, is not among the files`);
    },
  };
}

// Hands each chunk of a stream on; an error names the stream.
async function drain(incoming: Incoming, take: (chunk: Uint8Array) => void): Promise<void> {
  const reader = incoming.stream?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new LinnetError('Network', `${incoming.name} broke off (${error instanceof Error ? error.message : error})`);
      });
      if (done) return;
      take(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    throw error;
  }
}

async function readAll(incoming: Incoming, onBytes: (bytes: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  await drain(incoming, (chunk) => {
    chunks.push(chunk);
    total += chunk.length;
    onBytes(chunk.length);
  });
  const all = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

async function readShard(
  engine: Engine,
  model: number,
  index: number,
  incoming: Incoming,
  weightsBytes: number,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const tooLong = (bytes: number) =>
    new LinnetError(
      'WrongSize',
      `${incoming.name} holds ${bytes} bytes or more, but all weights of the model together take ${weightsBytes}`,
    );
  if (incoming.length !== null && incoming.length > weightsBytes) throw tooLong(incoming.length);
  let room = incoming.length ?? Math.min(weightsBytes, 1 << 20);
  let address = engine.reserveShard(model, index, room);
  let received = 0;
  await drain(incoming, (chunk) => {
    const needed = received + chunk.length;
    if (needed > weightsBytes) throw tooLong(needed);
    if (needed > room) {
      room = Math.min(weightsBytes, Math.max(needed, 2 * room));
      address = engine.reserveShard(model, index, room);
    }
    engine.bytes.set(chunk, address + received);
    received = needed;
    onBytes(chunk.length);
  });
  engine.commitShard(model, index, received);
}

// SHA-256 in hexadecimal. Pages that are not secure have no cryptography, and do without.
async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle) return '';
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Opens the model in the engine with all its weights, and gives its handle and model.json's digest. */
export async function readModel(
  engine: Engine,
  source: ModelSource,
  onProgress: (progress: Progress) => void,
): Promise<{ handle: number; description: ModelDescription; digest: string }> {
  const files = source.kind === 'url' ? filesOfUrl(source.url, source.request) : filesOfFiles(source.files);
  let loadedBytes = 0;
  let totalBytes = 0;
  let told = 0;
  const onBytes = (bytes: number) => {
    loadedBytes += bytes;
    const now = performance.now();
    if (now - told < progressMilliseconds) return;
    told = now;
    onProgress({ phase: 'fetch', loadedBytes, totalBytes });
  };

  const main = await files.open();
  const json = await readAll(main, onBytes);
  let opened;
  try {
    opened = engine.openModel(json);
  } catch (error) {
    const { code, detail } = toLinnetError(error, 'EngineFailed');
    throw new LinnetError(code, `${main.name}: ${detail}`);
  }
  const { handle, description } = opened;
  totalBytes = json.length + description.weightsBytes;
  onProgress({ phase: 'fetch', loadedBytes, totalBytes });

  let next = 0;
  const fetchOn = async (): Promise<void> => {
    while (next < description.shards.length) {
      const index = next++;
      const incoming = await files.openShard(description.shards[index]!);
      await readShard(engine, handle, index, incoming, description.weightsBytes, onBytes);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, description.shards.length) }, fetchOn));
  onProgress({ phase: 'compile', loadedBytes, totalBytes });
  return { ...opened, digest: await digestOf(json) };
}
