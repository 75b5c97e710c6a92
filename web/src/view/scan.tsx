/** What the camera sees, while somebody scans the code on the other's device. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Comparison } from '../model/comparison';
import { words } from '../words';

type Props = { username: string; comparison: Comparison };

export function Viewfinder({ username, comparison }: Props) {
  const { scan } = comparison;
  const video = useRef<HTMLVideoElement>(null);
  useLayoutEffect(() => {
    if (video.current) void comparison.scanWith(video.current);
    return () => { scan.stop(); };
  }, []);
  return (
    <div class="viewfinder">
      <video ref={video} muted playsInline aria-label={words.camera} />
      <p role="status">{words.scanHint(username)}</p>
      <button type="button" class="button" onClick={() => { scan.stop(); }}>{words.stopScanning}</button>
    </div>
  );
}
