// Names of classes.

/** The lines of a labels file for `classes` classes, or null where their number does not fit. */
export function parseLabels(text: string, classes: number): string[] | null {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  // Many label files open with a background class that the model may not have.
  if (lines.length === classes + 1 && /^background/i.test(lines[0]!)) lines.shift();
  return lines.length === classes ? lines : null;
}

/** Labels that a model's metadata may hold, as a list. */
export function labelsOfMetadata(metadata: Readonly<Record<string, unknown>>, classes: number): string[] | null {
  const { labels } = metadata;
  return Array.isArray(labels) && labels.length === classes && labels.every((label) => typeof label === 'string')
    ? (labels as string[])
    : null;
}

/** "tench, Tinca tinca" is known as "tench" first. */
export function splitLabel(label: string): { name: string; others: string } {
  const [name = label, ...others] = label.split(', ');
  return { name, others: others.join(', ') };
}
