/** One line of text with its label, hint and error. */
import type { Signal } from '@preact/signals';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

type Props = {
  label: string;
  value: Signal<string>;
  hint?: string;
  /** Already in words; the field is then marked as wrong. */
  error?: string | undefined;
  autoFocus?: boolean;
  /** Kept readable and focused while something is being done with it. */
  readOnly?: boolean;
};

export function Field({ label, value, hint, error, autoFocus = false, readOnly = false }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => { if (error) input.current?.focus(); }, [error]);
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        ref={input}
        id={id}
        type="text"
        value={value.value}
        onInput={(event) => { value.value = event.currentTarget.value; }}
        // Some password managers fill a field in and fire this one only.
        onChange={(event) => { value.value = event.currentTarget.value; }}
        autocomplete="off"
        autocapitalize="none"
        // Written so, it is set as an attribute. The property of that name is a boolean, for which "off" is true.
        autoCorrect="off"
        spellcheck={false}
        autofocus={autoFocus}
        readOnly={readOnly}
        aria-invalid={error ? true : undefined}
        aria-describedby={described || undefined}
      />
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="error" role="alert" id={`${id}-error`}>{error}</p>}
    </div>
  );
}
