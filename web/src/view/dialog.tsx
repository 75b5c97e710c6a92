/** A modal dialog: the browser keeps the focus inside, Escape and a press beside it close it. */
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { words } from '../words';
import { Icon } from './icons';

type Props = { title: string; wide?: boolean; onClose: () => void; children: ComponentChildren };

export function Dialog({ title, wide = false, onClose, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      requestAnimationFrame(settleFocus);
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={heading}
      onClose={onClose}
      onClick={(event) => { if (event.target === ref.current) onClose(); }}
    >
      <div class="dialog-body">
        <header class="dialog-header">
          <h2 id={heading}>{title}</h2>
          <button type="button" class="icon-button" aria-label={words.close} onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** What opened the dialog may be gone with it: then one goes on where one writes, or at the page's heading. */
function settleFocus(): void {
  if (document.activeElement !== null && document.activeElement !== document.body) return;
  const writes = !matchMedia('(pointer: coarse)').matches;
  const next = (writes && document.querySelector<HTMLElement>('.composer textarea')) || document.querySelector<HTMLElement>('.head h1, .new-conversation');
  next?.focus();
}
