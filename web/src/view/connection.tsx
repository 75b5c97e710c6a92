/** The connection to the server, as one word; and a way not to wait for the next attempt. */
import { connectionWord, words } from '../words';
import { useModel } from './context';

export function ConnectionStatus() {
  const model = useModel();
  const connection = model.connection.value;
  return (
    <div class="connection-box">
      <p role="status" aria-label={words.connection} class={`connection ${connection}`}>{connectionWord[connection]}</p>
      {connection !== 'online' && (
        <button type="button" class="try-now" onClick={() => { model.tryNow(); }}>{words.tryNow}</button>
      )}
    </div>
  );
}
