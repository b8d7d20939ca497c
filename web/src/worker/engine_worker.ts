// A worker that runs a model, and those that are loaded beside it.
import type { HostRequest, WorkerMessage } from '../protocol.js';
import { ModelHost, Place } from './model_host.js';
import type { WorkerScope } from './scope.js';

const place = new Place(false);

function serve(port: WorkerScope<HostRequest, WorkerMessage>): void {
  const host = new ModelHost((message, transfer) => port.postMessage(message, transfer), place);
  port.onmessage = ({ data }) => {
    if (data.type === 'beside') serve(data.port);
    else if (data.type !== 'stop') void host.receive(data);
    else {
      host.stop();
      if (port instanceof MessagePort) port.close();
    }
  };
}

serve(globalThis as unknown as WorkerScope<HostRequest, WorkerMessage>);
