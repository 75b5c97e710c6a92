/** The page: a model behind a view, and the worker behind the model. */
import { connect, missing } from './model/connect';
import { Model } from './model/model';
import { mount } from './view/mount';
import { nextTask } from './view/task';
import { makeFormatters } from './view/time';

const model = new Model();
const lacks = missing();
if (lacks) model.fail(lacks, navigator.userAgent);
else model.connect(connect);
// What follows is cut into tasks, as short as can be; the worker starts meanwhile.
await nextTask();
mount(model);
requestAnimationFrame(() => { void makeFormatters(); });
