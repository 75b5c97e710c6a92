// How each row is measured, as in src/main.rs: a warm-up, then the best of nine measurements of at least a
// fifth of a second; the implementations take turns, so that a busy moment of the machine meets all of them.

const AT_LEAST_MS = 200;
const MEASUREMENTS = 9;

export const BODY_BYTES = 200;

function rate(each, work) {
  const start = performance.now();
  let done = 0;
  while (performance.now() - start < AT_LEAST_MS) {
    work();
    done += each;
  }
  return (done * 1000) / (performance.now() - start);
}

/** Measures one kind of work in every implementation and prints their rows. */
export function row(name, each, works) {
  for (const { work } of works) rate(each, work);
  const best = works.map(() => 0);
  for (let turn = 0; turn < MEASUREMENTS; turn += 1) {
    works.forEach(({ work }, at) => {
      best[at] = Math.max(best[at], rate(each, work));
    });
  }
  works.forEach(({ implementation }, at) => {
    const per_second = Math.round(best[at]);
    console.log(JSON.stringify({ row: name, implementation, runtime: 'wasm', per_second, body_bytes: BODY_BYTES }));
  });
}

/** The rows of implementations by name: each `setUp()` gives `{ pingPong(count), burst(count), free?() }`. */
export function rows(implementations) {
  const each = Object.entries(implementations);
  row('setup', 1, each.map(([implementation, setUp]) => ({ implementation, work: () => setUp().free?.() })));
  for (const [name, method, count] of [['pingpong', 'pingPong', 20], ['burst', 'burst', 100]]) {
    const works = each.map(([implementation, setUp]) => {
      const conversation = setUp();
      return { implementation, work: () => conversation[method](count) };
    });
    row(name, count, works);
  }
}
