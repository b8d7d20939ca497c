// Files and folders that are dropped on the page.

async function filesOf(entry: FileSystemEntry, folder: string): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    // The path within the folder, as a folder chooser would give it.
    if (folder !== '') Object.defineProperty(file, 'webkitRelativePath', { value: folder + file.name });
    return [file];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const inner of entries) files.push(...(await filesOf(inner, `${folder}${entry.name}/`)));
  }
}

async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  // Entries are only there until the event's handler returns, so they are all asked for first.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...transfer.files];
  return (await Promise.all(entries.map((entry) => filesOf(entry, '')))).flat();
}

/** Calls `take` with what is dropped anywhere on the page; `veil` is shown while something hovers. */
export function acceptDrops(veil: HTMLElement, take: (files: File[]) => void): void {
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  let depth = 0;
  const enter = (change: number) => {
    depth = Math.max(0, depth + change);
    veil.hidden = depth === 0;
  };
  addEventListener('dragenter', (event) => carriesFiles(event) && enter(1));
  addEventListener('dragleave', (event) => carriesFiles(event) && enter(-1));
  addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer!.dropEffect = 'copy';
  });
  addEventListener('drop', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    void droppedFiles(event.dataTransfer!).then(take);
  });
}
