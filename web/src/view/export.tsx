/** Takes everything that was written along, as one file. */
import { useEffect, useRef } from 'preact/hooks';
import { exportFailed, exported, messagesSoFar, noticeText, words } from '../words';
import { useModel } from './context';
import { save } from './save';

export function Export({ account }: { account: string }) {
  const { exports, conversations } = useModel();
  const outcome = useRef<HTMLDivElement>(null);
  useEffect(() => { exports.forget(); }, []);
  const now = exports.state.value;
  // On a small screen what came of it would stand below the dialog's edge.
  useEffect(() => { if (now.state !== 'idle') outcome.current?.scrollIntoView({ block: 'nearest' }); }, [now.state]);
  const isWorking = now.state === 'working';
  const make = async () => {
    const made = await exports.make(account, conversations.list.value, noticeText);
    if (made) save(made.file, made.name);
  };
  return (
    <>
      <p>{words.exportText}</p>
      <button type="button" class="button" aria-disabled={isWorking} aria-busy={isWorking} onClick={() => { void make(); }}>{words.export}</button>
      <div ref={outcome} class="outcome">
        <p role="status">
          {isWorking && <>{words.exporting} <span aria-hidden="true">{messagesSoFar(now.messages)}</span></>}
          {now.state === 'done' && exported(now.conversations, now.name)}
        </p>
        {now.state === 'failed' && <p class="error" role="alert">{exportFailed[now.why]}</p>}
      </div>
    </>
  );
}
