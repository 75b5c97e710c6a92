import { expect, test, vi } from 'vitest';
import { refuseFiles } from '../src/view/files';

function happens(name: string, field: string, types: string[]) {
  const page = new EventTarget();
  const refused = vi.fn();
  refuseFiles(page, refused);
  const event = Object.assign(new Event(name, { cancelable: true }), { [field]: { types } });
  page.dispatchEvent(event);
  return { prevented: event.defaultPrevented, told: refused.mock.calls.length };
}

test('a file that is dropped does not make the browser leave the page, and that it cannot be sent is said', () => {
  expect(happens('dragover', 'dataTransfer', ['Files'])).toEqual({ prevented: true, told: 0 });
  expect(happens('drop', 'dataTransfer', ['Files'])).toEqual({ prevented: true, told: 1 });
  expect(happens('paste', 'clipboardData', ['Files'])).toEqual({ prevented: true, told: 1 });
});

test('text is dropped and pasted as ever, also where a picture of it comes along', () => {
  expect(happens('drop', 'dataTransfer', ['text/plain'])).toEqual({ prevented: false, told: 0 });
  expect(happens('paste', 'clipboardData', ['text/plain', 'text/html', 'Files'])).toEqual({ prevented: false, told: 0 });
});
