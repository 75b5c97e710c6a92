/** The connection to the relay, as one word. */
import { connectionWord, words } from '../words';
import { useModel } from './context';

export function ConnectionStatus() {
  const connection = useModel().connection.value;
  return (
    <p role="status" aria-label={words.connection} class={`connection ${connection}`}>{connectionWord[connection]}</p>
  );
}
