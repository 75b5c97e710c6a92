/** Creating the account on this device. */
import { signal } from '@preact/signals';
import type { CommandError, Phase } from '../generated/types';
import type { Engine } from './engine';
import { withoutAt } from './route';

export class Account {
  readonly #engine: () => Engine;
  readonly busy = signal(false);
  /** What an earlier visit of this page had begun was refused; the reason went with that visit. */
  readonly refused = signal(false);
  readonly error = signal<CommandError | null>(null);
  /** The invite code that was tried last. */
  invite: string | null = null;
  /** Made on this visit: the person is shown around from the beginning. */
  readonly made = signal(false);

  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  phaseChanged(before: Phase | null, now: Phase): void {
    if (before && before.type !== 'ready' && now.type === 'ready') this.made.value = true;
    if (before?.type === 'registering' && now.type === 'noAccount' && !this.busy.value) this.refused.value = true;
  }

  async create(username: string, invite: string | null): Promise<void> {
    if (this.busy.value) return;
    this.busy.value = true;
    this.invite = invite;
    this.error.value = null;
    this.refused.value = false;
    this.error.value = await this.#engine().command({ type: 'createAccount', username: withoutAt(username), invite });
    this.busy.value = false;
  }
}
