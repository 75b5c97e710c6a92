/** What is set on this device and is no secret: the theme, whether there is an account; and whether the browser keeps our data. */
import { signal } from '@preact/signals';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
export type Storage = 'unknown' | 'kept' | 'evictable' | 'asking' | 'refused';

const THEME_KEY = 'pawl.theme';
/** Whether there was an account here at the last visit: what the page looks like while it starts. */
const KNOWN_KEY = 'pawl.known';

export class Settings {
  readonly theme = signal<Theme>(savedTheme());
  readonly storage = signal<Storage>('unknown');

  readonly known = saved(KNOWN_KEY) !== null;

  setTheme(theme: Theme): void {
    this.theme.value = theme;
    save(THEME_KEY, theme);
  }

  /** For the next visit. */
  remember(known: boolean): void {
    save(KNOWN_KEY, known ? 'yes' : null);
  }

  async lookAtStorage(): Promise<void> {
    if (this.storage.value === 'asking') return;
    try {
      this.storage.value = (await navigator.storage.persisted()) ? 'kept' : 'evictable';
    } catch {
      this.storage.value = 'unknown';
    }
  }

  /** After a gesture only. Firefox asks the person, and answers when they have. */
  async askForStorage(): Promise<void> {
    this.storage.value = 'asking';
    try {
      this.storage.value = (await navigator.storage.persist()) ? 'kept' : 'refused';
    } catch {
      this.storage.value = 'refused';
    }
  }
}

function savedTheme(): Theme {
  const theme = saved(THEME_KEY);
  return THEMES.find((one) => one === theme) ?? 'system';
}

function saved(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function save(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Site data is refused: it lasts as long as the page.
  }
}
