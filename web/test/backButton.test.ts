import { signal } from '@preact/signals';
import { expect, test } from 'vitest';
import { tieToBack } from '../src/view/backButton';

/** A browser's history: entries, and Back that comes later, as it does in one. */
class Entries {
  states: unknown[] = [null];
  at = 0;
  popped: () => void = () => undefined;

  get state(): unknown {
    return this.states[this.at];
  }

  pushState(state: unknown): void {
    this.states = [...this.states.slice(0, this.at + 1), state];
    this.at += 1;
  }

  replaceState(state: unknown): void {
    this.states[this.at] = state;
  }

  back(): void {
    queueMicrotask(() => {
      this.at -= 1;
      this.popped();
    });
  }
}

function open() {
  const [dialog, history] = [signal<string | null>(null), new Entries()];
  history.popped = tieToBack(dialog, history);
  return { dialog, history };
}

test('Back closes an open dialog, and the page behind it stays', async () => {
  const { dialog, history } = open();
  dialog.value = 'settings';
  expect(history.at).toBe(1);
  history.back();
  await Promise.resolve();
  expect([dialog.value, history.at]).toEqual([null, 0]);
});

test('a dialog that is closed otherwise leaves no entry behind', async () => {
  const { dialog, history } = open();
  dialog.value = 'settings';
  dialog.value = 'startOver';
  expect(history.at).toBe(1);
  dialog.value = null;
  await Promise.resolve();
  expect([dialog.value, history.at]).toEqual([null, 0]);
});

test('a dialog that led to another address goes nowhere else', async () => {
  const { dialog, history } = open();
  dialog.value = 'newConversation';
  history.replaceState(null);
  dialog.value = null;
  await Promise.resolve();
  expect([dialog.value, history.at]).toEqual([null, 1]);
});

test('a page that is loaded again on such an entry has no dialog, and the next one works', async () => {
  const [dialog, history] = [signal<string | null>(null), new Entries()];
  history.pushState({ dialog: true });
  history.popped = tieToBack(dialog, history);
  dialog.value = 'settings';
  history.back();
  await Promise.resolve();
  expect([dialog.value, history.at]).toEqual([null, 1]);
});
