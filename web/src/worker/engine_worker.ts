// The worker that owns one model's engine.
import type { Request, WorkerMessage } from '../protocol.js';
import { ModelHost } from './model_host.js';
import type { WorkerScope } from './scope.js';

const scope = globalThis as unknown as WorkerScope<Request, WorkerMessage>;
const host = new ModelHost((message, transfer) => scope.postMessage(message, transfer));
scope.onmessage = ({ data }: MessageEvent<Request>) => void host.receive(data);
