// What pages remember of their choices, in IndexedDB. Private windows, full disks and blocked storage cost the memory,
// and nothing else.
import { createStore, get, set } from 'idb-keyval';

const patience = 1000;

const inTime = <T>(task: () => Promise<T>, fallback: T): Promise<T> =>
  Promise.race([
    new Promise<T>((resolve) => setTimeout(() => resolve(fallback), patience)),
    // Some browsers throw at once where storage is blocked.
    Promise.resolve().then(task).catch(() => fallback),
  ]);

const store = () => createStore('linnet', 'choices');

/** The record kept for the model with this digest; empty where there is none. */
export async function recall(digest: string): Promise<string> {
  if (digest === '') return '';
  const record = await inTime<unknown>(() => get(digest, store()), '');
  return typeof record === 'string' ? record : '';
}

export async function keep(digest: string, record: string): Promise<void> {
  if (digest !== '') await inTime(() => set(digest, record, store()), undefined);
}
