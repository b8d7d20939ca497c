// Brings a model's bytes into the engine: model.json first, then the weights, as they arrive.
import { calledOff, LinnetError, toLinnetError } from '../errors.js';
import type { Loading } from '../gpu/backend.js';
import type { ModelSource } from '../protocol.js';
import type { Progress } from '../types.js';
import type { Engine, ModelDescription } from './engine.js';

// Weight files that are asked for at a time. They are read one after the other; the browser's network buffers fill
// meanwhile.
const parallel = 4;
const chunkBytes = 1 << 16;
const progressMilliseconds = 40;

/** A stream of bytes, and its name for messages. */
interface Incoming {
  readonly name: string;
  readonly stream: ReadableStream<Uint8Array> | null;
}

async function fetchStream(url: string, request: RequestInit): Promise<Incoming> {
  let response: Response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    throw new LinnetError('Network', `${url} could not be reached (${error instanceof Error ? error.message : error})`);
  }
  if (!response.ok) throw new LinnetError('Network', `${url} answered ${`${response.status} ${response.statusText}`.trim()}`);
  return { name: url, stream: response.body };
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
  const incoming = ({ path, file }: { path: string; file: Blob }): Incoming => ({ name: path, stream: file.stream() });
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

// Hands each chunk of a stream on, which must be used at once; an error names the stream.
async function drain(incoming: Incoming, take: (chunk: Uint8Array) => void): Promise<void> {
  if (!incoming.stream) return;
  const broken = (error: unknown) => {
    throw new LinnetError('Network', `${incoming.name} broke off (${error instanceof Error ? error.message : error})`);
  };
  // One buffer for all chunks, where the browser can: each chunk's own would pile up until they are collected.
  let buffer = new ArrayBuffer(chunkBytes);
  let read: () => Promise<ReadableStreamReadResult<Uint8Array>>;
  let reader: ReadableStreamDefaultReader<Uint8Array> | ReadableStreamBYOBReader;
  try {
    const into = incoming.stream.getReader({ mode: 'byob' });
    reader = into;
    read = () => into.read(new Uint8Array(buffer)) as Promise<ReadableStreamReadResult<Uint8Array>>;
  } catch {
    const plain = incoming.stream.getReader();
    reader = plain;
    read = () => plain.read();
  }
  try {
    for (;;) {
      const { done, value } = await read().catch(broken);
      if (done) return;
      take(value);
      buffer = value.buffer as ArrayBuffer;
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
    chunks.push(chunk.slice());
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

// SHA-256 in hexadecimal. Pages that are not secure have no cryptography, and do without.
async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle) return '';
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Opens the model in the engine, which may still be on its way as well, with all its weights, and gives its handle and its
 * digest: model.json's and the weights'. `outside`: see Engine.openModel. Stops with the next bytes once nobody wants the model.
 */
export async function readModel(
  starting: Promise<Engine>,
  source: ModelSource,
  outside: boolean,
  loading: Loading,
  onProgress: (progress: Progress) => void,
): Promise<{ handle: number; description: ModelDescription; digest: string }> {
  const files = source.kind === 'url' ? filesOfUrl(source.url, source.request) : filesOfFiles(source.files);
  let loadedBytes = 0;
  let totalBytes = 0;
  let told = 0;
  const onBytes = (bytes: number) => {
    if (!loading.isWanted) throw calledOff();
    loadedBytes += bytes;
    const now = performance.now();
    if (now - told < progressMilliseconds) return;
    told = now;
    onProgress({ phase: 'fetch', loadedBytes, totalBytes });
  };

  const main = await files.open();
  const json = await readAll(main, onBytes);
  const engine = await starting;
  let opened;
  try {
    opened = engine.openModel(json, outside);
  } catch (error) {
    const { code, detail } = toLinnetError(error, 'EngineFailed');
    throw new LinnetError(code, `${main.name}: ${detail}`);
  }
  const { handle, description } = opened;
  totalBytes = json.length + description.weightsBytes;
  onProgress({ phase: 'fetch', loadedBytes, totalBytes });

  const shards: Promise<Incoming>[] = [];
  try {
    for (let i = 0; i < description.shards.length; ++i) {
      while (shards.length < Math.min(i + parallel, description.shards.length)) {
        const shard = files.openShard(description.shards[shards.length]!);
        shard.catch(() => undefined); // reported when its turn comes
        shards.push(shard);
      }
      await drain(await shards[i]!, (chunk) => {
        onBytes(chunk.length);
        engine.writeShard(handle, i, chunk);
      });
      engine.endShard(handle, i);
    }
  } catch (error) {
    // Those that nobody reads would hold their connections.
    for (const shard of shards) shard.then(({ stream }) => stream?.cancel()).catch(() => undefined);
    throw error;
  }
  onProgress({ phase: 'compile', loadedBytes, totalBytes });
  const digest = await digestOf(json);
  return { ...opened, digest: digest && `${digest}-${engine.weightsDigest(handle)}` };
}
