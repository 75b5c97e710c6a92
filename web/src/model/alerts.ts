/** What the person must know: it stays until it is dismissed, and never twice. */
import { signal } from '@preact/signals';
import type { AlertCode, CommandError } from '../generated/types';

export type Notification = { source: 'engine'; alert: AlertCode } | { source: 'command'; error: CommandError } | { source: 'page'; note: PageNote };

/** What the page itself has to say. */
export type PageNote = 'noFiles';

/** More at once cannot be read; the oldest goes. */
const MAX_ALERTS = 5;

export class Alerts {
  readonly list = signal<readonly Notification[]>([]);

  alert(alert: AlertCode): void {
    this.#add({ source: 'engine', alert });
  }

  /** A command failed that has no place of its own on the screen. */
  failed(error: CommandError | null): void {
    if (error) this.#add({ source: 'command', error });
  }

  note(note: PageNote): void {
    this.#add({ source: 'page', note });
  }

  dismiss(notification: Notification): void {
    this.list.value = this.list.value.filter((other) => other !== notification);
  }

  #add(notification: Notification): void {
    const key = JSON.stringify(notification);
    if (this.list.value.some((other) => JSON.stringify(other) === key)) return;
    this.list.value = [...this.list.value, notification].slice(-MAX_ALERTS);
  }
}
