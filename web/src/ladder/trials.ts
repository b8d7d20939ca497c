// Which GPU a page is opening, noted where the next page finds it: a driver that takes the tab or the browser down does
// so once. A lock tells that the page that noted it still lives.
import { get, set } from 'idb-keyval';
import { inTime, store } from './choices.js';

// Of several at once the last is noted, until the first is open.
const opening = 'linnet opens';

// At once: what a page has not committed when it goes is undone.
const clear = () => inTime(() => store('readwrite', (notes) => (notes.delete(opening), notes.transaction.commit())));

let ended: Promise<string | undefined> | undefined;

/** The backend that an earlier page was opening when it, or its browser, ended; the same for all models of this page. */
export const endedPage = (): Promise<string | undefined> =>
  (ended ??= inTime(async () => {
    const backend = await get<string>(opening, store);
    if (!backend || (await navigator.locks.query()).held!.some(({ name }) => name === opening)) return undefined;
    await clear();
    return backend;
  }));

/** Opens the backend by `task`, with a note of it. Only pages can tell that they are closed, so workers note nothing. */
export async function noted<T>(backend: string, task: () => Promise<T>): Promise<T> {
  if (!globalThis.document || !navigator.locks) return task();
  return navigator.locks.request(opening, { mode: 'shared' }, async () => {
    addEventListener('pagehide', clear);
    await inTime(() => set(opening, backend, store));
    try {
      return await task();
    } finally {
      await clear();
    }
  });
}
