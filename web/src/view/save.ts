/** Hands a file to the browser, which saves it or asks where. */

/** Milliseconds after which the browser has begun to read it. */
const READ_MS = 60_000;

export function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(link.href); }, READ_MS);
}
