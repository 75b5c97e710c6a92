/** Puts the page on the screen. */
import { render } from 'preact';
import '../styles/index.css';
import type { Model } from '../model/model';
import { App } from './app';
import { ModelContext } from './context';
import { attach } from './host';

export function mount(model: Model): void {
  const root = document.getElementById('app');
  if (!root) throw new Error('the shell has no #app');
  attach(model);
  root.replaceChildren();
  render(<ModelContext.Provider value={model}><App /></ModelContext.Provider>, root);
}
