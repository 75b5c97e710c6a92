/** The page on a made-up worker; see fakeWorker.ts. */
import { Model } from '../model/model';
import { mount } from '../view/mount';
import { Rpc } from '../worker/rpc';
import { FakeWorker } from './fakeWorker';

const scene = new URLSearchParams(location.search).get('scene');
if (scene === 'starting-again') localStorage.setItem('pawl.known', 'yes');
else if (scene === 'starting') localStorage.removeItem('pawl.known');
const model = new Model();
mount(model);
if (scene === 'insecureContext') model.fail('insecureContext', '');
else model.connect((listener) => new Rpc(new FakeWorker(), listener));
