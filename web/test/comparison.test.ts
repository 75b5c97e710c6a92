import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { QueryReply } from '../src/generated/types';
import { Comparison, TIME_TO_SEE } from '../src/model/comparison';
import { failureOf } from '../src/model/scan';
import { settled, TestEngine } from './support';

let engine: TestEngine;
let comparison: Comparison;

beforeEach(() => {
  vi.useFakeTimers();
  engine = new TestEngine();
  comparison = new Comparison(() => engine, 'bob');
});

afterEach(() => { vi.useRealTimers(); });

function number(byte: number): QueryReply {
  return { type: 'safetyNumber', safetyNumber: { groups: [], qr: [1, byte], identity: 'changed', messages: [] } };
}

async function look(byte: number) {
  void comparison.look();
  await engine.reply(number(byte));
  return comparison.number.value ?? expect.fail('no number');
}

test('what is decided names the number that was on the screen, not one that came since', async () => {
  const seen = await look(7);
  await look(8);
  void comparison.accept(seen);
  void comparison.verify(seen, true);
  expect(engine.commands.map((one) => one.asked)).toEqual([
    { type: 'acceptIdentity', conversation: 'bob', number: [1, 7] },
    { type: 'markVerified', conversation: 'bob', verified: true, number: [1, 7] },
  ]);
});

test('another number is said to be another, and cannot be pressed on before it can be seen', async () => {
  await look(7);
  await look(7);
  expect([comparison.changed.value, comparison.unseen.value]).toEqual([false, false]);
  const now = await look(8);
  expect(now.qr).toEqual([1, 8]);
  expect([comparison.changed.value, comparison.unseen.value]).toEqual([true, true]);
  vi.advanceTimersByTime(TIME_TO_SEE);
  expect([comparison.changed.value, comparison.unseen.value]).toEqual([true, false]);
});

test('what somebody says to match is the number that they saw, and no other after it', async () => {
  const seen = await look(7);
  expect(comparison.matches.value).toBe(false);
  comparison.matches.value = true;
  await look(7);
  expect(comparison.matches.value).toBe(true);
  await look(8);
  expect(comparison.matches.value).toBe(false);
  comparison.matches.value = true;
  void comparison.verify(seen, false);
  expect(comparison.matches.value).toBe(false);
});

test('a refusal is shown, and the number is looked at anew', async () => {
  const seen = await look(7);
  const queries = engine.queries.length;
  void comparison.accept(seen);
  await engine.done({ code: 'safetyNumberDiffers' });
  expect(comparison.error.value).toEqual({ code: 'safetyNumberDiffers' });
  expect(engine.queries).toHaveLength(queries + 1);
});

test('however much happens, one question is on its way, and one more after it', async () => {
  for (let i = 0; i < 5; i += 1) void comparison.look();
  await settled();
  expect(engine.queries).toHaveLength(1);
  await engine.reply(number(7));
  expect(engine.queries).toHaveLength(2);
  await engine.reply(number(7));
  expect(engine.queries).toHaveLength(2);
});

test('a scanned code is compared by the engine, and what came of it is said', async () => {
  await look(7);
  void comparison.compareWith([1, 7]);
  expect(engine.commands.at(-1)?.asked).toEqual({ type: 'markVerified', conversation: 'bob', verified: true, number: [1, 7] });
  await engine.done();
  expect([comparison.scanned.value, comparison.error.value]).toEqual(['same', null]);
  void comparison.compareWith([1, 9]);
  await engine.done({ code: 'safetyNumberDiffers' });
  expect([comparison.scanned.value, comparison.error.value]).toEqual(['other', null]);
  void comparison.compareWith([]);
  await engine.done({ code: 'notASafetyNumber' });
  expect([comparison.scanned.value, comparison.error.value]).toEqual([null, { code: 'notASafetyNumber' }]);
});

test('each way in which a camera fails has its own words', () => {
  const named = (name: string) => failureOf(new DOMException('', name));
  expect(named('NotFoundError')).toBe('noCamera');
  expect(named('NotAllowedError')).toBe('cameraRefused');
  expect(named('NotReadableError')).toBe('cameraFailed');
  expect(failureOf(new TypeError())).toBe('noCamera');
});
