// What pages remember of their choices, in IndexedDB. Private windows, full disks and blocked storage cost the memory,
// and nothing else.
import { clear, createStore, get, update } from 'idb-keyval';

// What each choice was made for, and its record; the latest first.
type Choices = readonly (readonly [string, string])[];

const patience = 1000;
// Those beyond are of versions, models and devices that have long been replaced.
const most = 32;
const all = 'all';

const inTime = <T>(task: () => Promise<T>, fallback: T): Promise<T> =>
  Promise.race([
    new Promise<T>((resolve) => setTimeout(() => resolve(fallback), patience)),
    // Some browsers throw at once where storage is blocked.
    Promise.resolve().then(task).catch(() => fallback),
  ]);

const store = () => createStore('linnet', 'choices');

/** The record kept under this key; empty where there is none. */
export const recall = (key: string): Promise<string> =>
  inTime(async () => (await get<Choices>(all, store()))?.find(([each]) => each === key)?.[1] ?? '', '');

export const keep = (key: string, record: string): Promise<void> =>
  inTime(() => {
    const added = (old: Choices = []) => [[key, record] as const, ...old.filter(([each]) => each !== key)].slice(0, most);
    return update<Choices>(all, added, store());
  }, undefined);

/** Forgets all choices, of every model of this origin. */
export const forget = (): Promise<void> => inTime(() => clear(store()), undefined);
