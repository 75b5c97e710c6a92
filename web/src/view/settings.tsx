/** Appearance, who one is, and whether the browser keeps the data. */
import { useEffect } from 'preact/hooks';
import { THEMES } from '../model/settings';
import { storageWord, themeWord, words } from '../words';
import { useModel } from './context';
import { Dialog } from './dialog';
import { Export } from './export';

export function Settings({ onClose }: { onClose: () => void }) {
  const { phase, settings, dialog } = useModel();
  useEffect(() => { void settings.lookAtStorage(); }, []);
  const storage = settings.storage.value;
  return (
    <Dialog title={words.settings} onClose={onClose}>
      <ThemeChoice />
      <dl class="facts">
        {phase.value?.type === 'ready' && <><dt>{words.yourUsername}</dt><dd class="own-name">{phase.value.username}</dd></>}
        <dt>{words.storage}</dt>
        <dd>
          <p>{words.onlyHere}</p>
          <p>{storageWord[storage]}</p>
          {(storage === 'evictable' || storage === 'refused') && (
            <button type="button" class="button" onClick={() => { void settings.askForStorage(); }}>{words.askForStorage}</button>
          )}
        </dd>
        {phase.value?.type === 'ready' && <><dt>{words.conversations}</dt><dd><Export account={phase.value.username} /></dd></>}
        <dt>{words.account}</dt>
        <dd><button type="button" class="button" onClick={() => { dialog.value = 'startOver'; }}>{words.startOver}</button></dd>
        <dt>{words.version}</dt>
        <dd>{__PAWL_VERSION__}</dd>
      </dl>
    </Dialog>
  );
}

function ThemeChoice() {
  const { settings } = useModel();
  return (
    <fieldset class="themes">
      <legend>{words.theme}</legend>
      {THEMES.map((theme) => (
        <label key={theme}>
          <input
            type="radio"
            name="theme"
            checked={settings.theme.value === theme}
            onChange={() => { settings.setTheme(theme); }}
          />
          <span>{themeWord[theme]}</span>
        </label>
      ))}
    </fieldset>
  );
}
