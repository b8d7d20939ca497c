// What pages remember of their choices, in IndexedDB. Private windows, full disks and blocked storage cost the memory,
// and nothing else.
import { clear, createStore, get, update } from 'idb-keyval';

// What each choice was made for, and its record; the latest first.
type Choices = readonly (readonly [string, string])[];

const patience = 1000;
// Those beyond are of versions, models and devices that have long been replaced.
const most = 32;
const all = 'all';

/** What `task` gives; nothing where storage fails or does not answer. */
export const inTime = <T>(task: () => Promise<T>): Promise<T | undefined> =>
  Promise.race([
    new Promise<undefined>((resolve) => setTimeout(resolve, patience)),
    // Some browsers throw at once where storage is blocked.
    Promise.resolve().then(task).catch(() => undefined),
  ]);

export const store = createStore('linnet', 'choices');

/** The record kept under this key; empty where there is none. */
export const recall = async (key: string): Promise<string> =>
  (await inTime(async () => (await get<Choices>(all, store))?.find(([each]) => each === key)?.[1])) ?? '';

export const keep = (key: string, record: string): Promise<void> =>
  inTime(() => {
    const added = (old: Choices = []) => [[key, record] as const, ...old.filter(([each]) => each !== key)].slice(0, most);
    return update<Choices>(all, added, store);
  });

/** Forgets all choices, of every model of this origin. */
export const forget = (): Promise<void> => inTime(() => clear(store));
