/**
 * One look at the safety number with somebody. What the person decides names the number that was on
 * the screen, so that another one, come between look and press, is never decided on.
 */
import { batch, signal } from '@preact/signals';
import type { CommandError, SafetyNumberView } from '../generated/types';
import type { Engine } from './engine';
import { Scan } from './scan';

/** Milliseconds in which nothing can be pressed after the number has changed: time to see that it has. */
export const TIME_TO_SEE = 1500;

export class Comparison {
  readonly #engine: () => Engine;
  readonly #conversation: string;
  readonly number = signal<SafetyNumberView | null>(null);
  readonly error = signal<CommandError | null>(null);
  readonly scan = new Scan();
  /** What came of the code that was scanned last. */
  readonly scanned = signal<'same' | 'other' | null>(null);
  /** The person says that both see this number: without that nobody is marked by a press. */
  readonly matches = signal(false);
  /** It is not the number that was shown at first. */
  readonly changed = signal(false);
  /** It changed a moment ago. */
  readonly unseen = signal(false);
  #busy = false;
  #again = false;

  constructor(engine: () => Engine, conversation: string) {
    this.#engine = engine;
    this.#conversation = conversation;
  }

  /** Asks for the number, once at a time: also whenever anything about the conversation has changed. */
  async look(): Promise<void> {
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#again) {
      this.#again = false;
      const reply = await this.#engine().query({ type: 'safetyNumber', conversation: this.#conversation });
      if (reply.type === 'failed') this.error.value = reply.error;
      else if (reply.type === 'safetyNumber') this.#show(reply.safetyNumber);
    }
    this.#busy = false;
  }

  #show(number: SafetyNumberView): void {
    const before = this.number.value;
    const isOther = before !== null && before.qr.join() !== number.qr.join();
    batch(() => {
      this.number.value = number;
      if (!isOther) return;
      this.changed.value = true;
      this.matches.value = false;
      this.error.value = null;
      this.scanned.value = null;
      this.unseen.value = true;
      setTimeout(() => { this.unseen.value = false; }, TIME_TO_SEE);
    });
  }

  /** Whether it was accepted. */
  accept({ qr }: SafetyNumberView): Promise<boolean> {
    return this.#decide({ type: 'acceptIdentity', conversation: this.#conversation, number: qr });
  }

  /** Accepts a changed identity, too. */
  verify({ qr }: SafetyNumberView, verified: boolean): Promise<boolean> {
    this.matches.value = false;
    return this.#decide({ type: 'markVerified', conversation: this.#conversation, verified, number: qr });
  }

  scanAnew(): void {
    batch(() => {
      this.error.value = null;
      this.scanned.value = null;
      this.scan.begin();
    });
  }

  /** Scans the other's code: the engine compares it, and where it is the same, that verifies them. */
  async scanWith(video: HTMLVideoElement): Promise<void> {
    const number = await this.scan.find(video);
    this.scan.stop();
    if (number) await this.compareWith(number);
  }

  async compareWith(number: number[]): Promise<void> {
    const error = await this.#engine().command({ type: 'markVerified', conversation: this.#conversation, verified: true, number });
    const isOther = error?.code === 'safetyNumberDiffers';
    batch(() => {
      this.error.value = isOther ? null : error;
      this.scanned.value = isOther ? 'other' : error ? null : 'same';
    });
  }

  async #decide(command: Parameters<Engine['command']>[0]): Promise<boolean> {
    this.scanned.value = null;
    const error = await this.#engine().command(command);
    this.error.value = error;
    if (error) await this.look();
    return error === null;
  }
}
