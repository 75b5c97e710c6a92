import { CLIENT, kindOf } from '../support/protobuf.mjs';
import { holdsSeries, mark } from '../support/series.mjs';
import { until } from '../support/wait.mjs';
import { scenario } from '../support/world.mjs';

const REPETITIONS = 3;

async function talkOn(one, other, series, first, last) {
  for (let number = first; number <= last; number += 1) {
    await one.tab.send(mark(series.one, number));
    await other.tab.send(mark(series.other, number));
    await one.tab.waitForMessage(mark(series.other, number));
    await other.tab.waitForMessage(mark(series.one, number));
  }
}

for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
  scenario(`both first: neither has seen the other's when they write; then they go on talking (${repetition} of ${REPETITIONS})`, {}, async (world) => {
    const [alice, bob] = await Promise.all([world.person('alice'), world.person('bob')]);
    await Promise.all([alice.tab.startConversation('bob'), bob.tab.startConversation('alice')]);

    // The wire keeps both first envelopes until both have been sealed.
    world.proxy.hold('up', (payload) => kindOf(payload) === CLIENT.submit);
    const opening = repetition;
    for (let number = 1; number <= opening; number += 1) {
      await Promise.all([alice.tab.send(mark('alice', number)), bob.tab.send(mark('bob', number))]);
    }
    const submits = () => world.proxy.frames.filter((frame) => frame.direction === 'up' && kindOf(frame.payload) === CLIENT.submit).length;
    await until('both have sealed', () => submits() >= 2 && world.proxy.held >= 2);
    world.proxy.release();

    const last = opening + 4;
    await talkOn(alice, bob, { one: 'alice', other: 'bob' }, opening + 1, last);
    for (const { tab } of [alice, bob]) {
      await holdsSeries(tab, 'alice', last);
      await holdsSeries(tab, 'bob', last);
      await tab.waitForAll('Delivered', 'Read');
    }
  });
}
