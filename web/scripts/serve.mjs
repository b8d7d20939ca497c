// Serves the app, or any folder, for development and the demo. See --help.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serve } from './static_server.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const usage = `Usage: node web/scripts/serve.mjs [options]

  --root DIR       what to serve (default: apps/classify/dist)
  --model WHERE    the page's model: a folder, a model.json or a URL
  --labels FILE    the model's labels, one a line (default: labels.txt beside the model)
  --port N         default: 8080; 0 takes a free one
  --host NAME      default: 127.0.0.1
  --no-isolation   without the headers of cross-origin isolation: the page then gets one thread
`;

function fail(message) {
  process.stderr.write(`serve: ${message}\n`);
  process.exit(2);
}

// [folder, name of model.json in it]
function findModel(path) {
  if (!existsSync(path)) fail(`there is no ${path}`);
  if (!statSync(path).isDirectory()) return [dirname(path), basename(path)];
  const json = readdirSync(path).filter((name) => name.endsWith('.json'));
  const name = json.includes('model.json') ? 'model.json' : json.length === 1 ? json[0] : undefined;
  return name ? [path, name] : fail(`${path} holds no model.json`);
}

let options;
try {
  ({ values: options } = parseArgs({
    options: {
      root: { type: 'string', default: resolve(root, 'apps/classify/dist') },
      model: { type: 'string' },
      labels: { type: 'string' },
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      'no-isolation': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }));
} catch (error) {
  fail(`${error.message}\n\n${usage}`);
}
if (options.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const port = Number(options.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) fail(`--port ${options.port} is no port`);
if (!existsSync(options.root)) fail(`there is no ${options.root}; run npm run build`);

const mounts = [['/', options.root]];
const config = {};
if (options.model && /^https?:/.test(options.model)) {
  config.model = options.model;
} else if (options.model) {
  const [folder, name] = findModel(resolve(options.model));
  mounts.push(['/model/', folder]);
  config.model = `model/${name}`;
  if (existsSync(resolve(folder, 'labels.txt'))) config.labels = 'model/labels.txt';
}
if (options.labels) {
  const labels = resolve(options.labels);
  if (!existsSync(labels)) fail(`there is no ${labels}`);
  mounts.push(['/labels/', dirname(labels)]);
  config.labels = `labels/${basename(labels)}`;
}

try {
  const server = await serve({
    mounts,
    documents: { '/config.json': JSON.stringify(config) },
    port,
    host: options.host,
    isolate: !options['no-isolation'],
  });
  console.log(`Serving ${server.url}/`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close().then(() => process.exit(0)));
} catch (error) {
  fail(error.code === 'EADDRINUSE' ? `port ${port} is taken; choose another with --port` : error.message);
}
