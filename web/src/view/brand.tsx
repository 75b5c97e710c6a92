/** The name and what it is, beside whatever is asked of somebody who is new. */
import { words } from '../words';
import { Logo } from './icons';

export function Brand() {
  return (
    <section class="brand">
      <Logo turning />
      <p class="name">{words.product}</p>
      <p class="tagline">{words.tagline}</p>
    </section>
  );
}
