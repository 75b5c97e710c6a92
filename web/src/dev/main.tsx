/** The page on a made-up worker; see fakeWorker.ts. */
import { Model } from '../model/model';
import { mount } from '../view/mount';
import { Rpc } from '../worker/rpc';
import { FakeWorker } from './fakeWorker';

const model = new Model();
mount(model);
if (new URLSearchParams(location.search).get('scene') === 'insecureContext') model.fail('insecureContext', '');
else model.connect((listener) => new Rpc(new FakeWorker(), listener));
