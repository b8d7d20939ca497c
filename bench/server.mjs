// The server of all measurements. It counts what it sends, so that bytes over the wire need no trust in the browser.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { serve } from '../web/scripts/static_server.mjs';
import { imagesFolder, modelsFolder } from '../tests/differential/linnet.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const gzipped = new Map(); // bytes by path: a path's content does not change while this runs

// Keeps the bodies that a response sends, as they lie in memory.
function keepBody(response) {
  const chunks = [];
  for (const method of ['write', 'end']) {
    const send = response[method];
    response[method] = function (chunk, ...rest) {
      if (typeof chunk === 'string') chunks.push(Buffer.from(chunk));
      else if (chunk instanceof Uint8Array) chunks.push(chunk);
      return send.call(this, chunk, ...rest);
    };
  }
  return chunks;
}

/** Serves the page, the peers' adapters and the models, and `mounts` with the peers themselves. Gives { url, close, begin, sent }. */
export async function startServer({ peersFolder, mounts }) {
  let sent = [];
  const server = await serve({
    mounts: [
      ['/', join(root, 'bench/page')],
      ['/peers/', peersFolder],
      ['/models/', modelsFolder],
      ['/photos/', imagesFolder],
      ...mounts,
    ],
    handle(request, response) {
      // Not every peer keeps to a strict policy: workers from blobs, for one.
      response.removeHeader('Content-Security-Policy');
      sent.push({ path: request.url.split('?')[0], chunks: keepBody(response) });
      return false;
    },
  });
  return {
    ...server,
    /** Counts from here on. */
    begin() {
      sent = [];
    },
    /**
     * Bytes sent since then, of the peers' code and of the model. wire: as they went, a file that several workers asked
     * for each time; the others count every file once, as it is and as gzip would send it.
     */
    sent() {
      const totals = { wire: 0, code: 0, model: 0, code_gzip: 0, model_gzip: 0, files: {} };
      for (const { path, chunks } of sent) {
        const kind = /^\/(models|int8)\//.test(path) ? 'model' : /^\/(peers|linnet|base|tfjs|ort|litert)\//.test(path) && 'code';
        if (!kind) continue;
        const body = Buffer.concat(chunks);
        if (!gzipped.has(path)) gzipped.set(path, gzipSync(body, { level: 9 }).length);
        totals.wire += body.length;
        totals.files[path] = (totals.files[path] ?? 0) + body.length;
        if (totals.files[path] > body.length) continue;
        totals[kind] += body.length;
        totals[`${kind}_gzip`] += gzipped.get(path);
      }
      return totals;
    },
  };
}
