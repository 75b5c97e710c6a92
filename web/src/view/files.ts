/** Files that are dropped or pasted: a browser would leave the page for them, or do nothing and say nothing. */

/** What of a drop or a paste is looked at. */
export type Transfer = { readonly types: readonly string[] };

/** Whether it is files, and no text beside them, as an office program's picture of its text has. */
export function isFiles({ types }: Transfer): boolean {
  return types.includes('Files') && !types.includes('text/plain');
}

/** `refused` is called once for each drop or paste of files. */
export function refuseFiles(target: EventTarget, refused: () => void): void {
  const on = (name: string, field: 'dataTransfer' | 'clipboardData', act: () => void) => {
    target.addEventListener(name, (event) => {
      const transfer = (event as unknown as Record<string, Transfer | null>)[field];
      if (!transfer || !isFiles(transfer)) return;
      event.preventDefault();
      act();
    });
  };
  // Prevented, or the browser would take the drop for itself.
  on('dragover', 'dataTransfer', () => undefined);
  on('drop', 'dataTransfer', refused);
  on('paste', 'clipboardData', refused);
}
