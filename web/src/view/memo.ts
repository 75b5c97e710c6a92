/** Draws a component again only when one of its props is another one. For the rows of long lists. */
import { Component, h, type ComponentChild, type FunctionComponent } from 'preact';

export function memo<P extends object>(component: FunctionComponent<P>): new (props: P) => Component<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const keys = Object.keys(next) as Array<keyof P>;
      return keys.some((key) => next[key] !== this.props[key]);
    }

    override render(props: P): ComponentChild {
      return h(component, props);
    }
  };
}
