/** Where one writes. Enter sends, Shift+Enter begins a new line. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { ConversationView } from '../generated/types';
import { commandErrorText, roomText, words } from '../words';
import { useModel } from './context';
import { Icon } from './icons';

/** An input method is still composing a word: Enter then belongs to it. 229 is how older engines say so. */
function composing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

export function Composer({ conversation }: { conversation: ConversationView }) {
  const { drafts } = useModel();
  const draft = drafts.of(conversation);
  const box = useRef<HTMLTextAreaElement>(null);
  const text = draft.text.value;
  const error = draft.error.value;
  const room = draft.room.value;
  useLayoutEffect(() => {
    if (!matchMedia('(pointer: coarse)').matches) box.current?.focus();
  }, []);
  useLayoutEffect(() => { fit(box.current); }, [text]);
  useEffect(() => {
    draft.inUse = () => box.current !== null && document.activeElement === box.current;
    const back = () => { if (document.visibilityState === 'visible') draft.catchUp(); };
    document.addEventListener('visibilitychange', back);
    return () => {
      draft.inUse = () => false;
      draft.catchUp();
      document.removeEventListener('visibilitychange', back);
    };
  }, [draft]);
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); void draft.send(); }}>
      {error && <p class="error" role="alert">{commandErrorText(error)}</p>}
      {room !== null && !error && <p class={room < 0 ? 'room error' : 'room muted'} role="status" id="message-room">{roomText(room)}</p>}
      <textarea
        ref={box}
        rows={1}
        aria-label={words.message}
        aria-describedby={room === null ? undefined : 'message-room'}
        placeholder={words.messagePlaceholder}
        enterkeyhint="send"
        dir="auto"
        value={text}
        onInput={(event) => { draft.edit(event.currentTarget.value); }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || composing(event)) return;
          event.preventDefault();
          void draft.send();
        }}
      />
      <button type="submit" class="send" aria-label={words.send}><Icon name="send" /></button>
    </form>
  );
}

/** Grows with the text; CSS holds the limit. */
function fit(box: HTMLTextAreaElement | null): void {
  if (!box) return;
  box.style.height = 'auto';
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
}
