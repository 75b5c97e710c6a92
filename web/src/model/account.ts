/** Creating the account on this device. */
import { signal } from '@preact/signals';
import type { CommandError } from '../generated/types';
import type { Engine } from './engine';

export class Account {
  readonly #engine: () => Engine;
  readonly busy = signal(false);
  readonly error = signal<CommandError | null>(null);

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  async create(username: string, invite: string | null): Promise<void> {
    if (this.busy.value) return;
    this.busy.value = true;
    this.error.value = null;
    this.error.value = await this.#engine().command({ type: 'createAccount', username, invite });
    this.busy.value = false;
  }
}
