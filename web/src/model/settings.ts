/** What is set on this device and is no secret: the theme; and whether the browser keeps our data. */
import { signal } from '@preact/signals';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];
export type Storage = 'unknown' | 'kept' | 'evictable' | 'asking' | 'refused';

const THEME_KEY = 'pawl.theme';

export class Settings {
  readonly theme = signal<Theme>(savedTheme());
  readonly storage = signal<Storage>('unknown');

  setTheme(theme: Theme): void {
    this.theme.value = theme;
    try {
      localStorage.setItem(THEME_KEY, theme);
    } catch {
      // Site data is refused: the theme lasts as long as the page.
    }
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
  try {
    const saved = localStorage.getItem(THEME_KEY);
    return THEMES.find((theme) => theme === saved) ?? 'system';
  } catch {
    return 'system';
  }
}
