// A small static server for development, the demo and the tests. Cross-origin isolation and a strict content security
// policy are on, as a page with threads and without eval needs them.
import { createReadStream, realpathSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self' http: https:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

// [first, last] of a single-range header, null for the whole, undefined for one that cannot be satisfied.
function rangeOf(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const first = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return first <= last ? [first, last] : undefined;
}

// The real path of `name` below `folder`, or null when it lies outside or does not exist.
function fileBelow(folder, name) {
  try {
    const base = realpathSync(folder);
    let path = realpathSync(join(base, name));
    if (path !== base && !path.startsWith(base + sep)) return null;
    if (statSync(path).isDirectory()) path = realpathSync(join(path, 'index.html'));
    return path.startsWith(base + sep) && statSync(path).isFile() ? path : null;
  } catch {
    return null;
  }
}

/**
 * Starts serving, and gives { url, close }.
 * mounts: [prefix, folder] pairs, the longest matching prefix wins; documents: texts by path; isolate: the headers of
 * cross-origin isolation; handle(request, response): may answer first, and then returns true.
 */
export async function serve({ mounts, documents = {}, port = 0, host = '127.0.0.1', isolate = true, handle }) {
  const ordered = [...mounts].sort(([a], [b]) => b.length - a.length);
  const server = createServer((request, response) => {
    response.setHeader('Content-Security-Policy', contentSecurityPolicy);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cache-Control', 'no-cache');
    if (isolate) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
      response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    }
    if (handle?.(request, response)) return;

    const refuse = (status, text) => {
      response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
      response.end(`${text}\n`);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refuse(405, 'only GET and HEAD are possible');
    }
    let path;
    try {
      path = decodeURIComponent(new URL(request.url, 'http://host').pathname);
    } catch {
      return refuse(400, 'the address is malformed');
    }
    if (path.includes('\0')) return refuse(400, 'the address is malformed');

    const text = documents[path];
    if (text !== undefined) {
      response.writeHead(200, { 'Content-Type': types[extname(path)] ?? 'text/plain; charset=utf-8' });
      return response.end(request.method === 'HEAD' ? undefined : text);
    }
    const mount = ordered.find(([prefix]) => path.startsWith(prefix));
    const file = mount && fileBelow(mount[1], path.slice(mount[0].length));
    if (!file) return refuse(404, `there is no ${path}`);

    const { size } = statSync(file);
    const range = rangeOf(request.headers.range, size);
    if (range === undefined) {
      response.setHeader('Content-Range', `bytes */${size}`);
      return refuse(416, 'the range lies outside the file');
    }
    const [first, last] = range ?? [0, size - 1];
    if (range) response.setHeader('Content-Range', `bytes ${first}-${last}/${size}`);
    response.writeHead(range ? 206 : 200, {
      'Content-Type': types[extname(file).toLowerCase()] ?? 'application/octet-stream',
      'Content-Length': last - first + 1,
      'Accept-Ranges': 'bytes',
    });
    if (request.method === 'HEAD' || size === 0) return response.end();
    createReadStream(file, { start: first, end: last })
      .on('error', () => response.destroy())
      .pipe(response);
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address();
  return {
    url: `http://${host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
