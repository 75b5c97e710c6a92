/** The page: a model behind a view, and the worker behind the model. */
import { connect, missing } from './model/connect';
import { Model } from './model/model';
import { mount } from './view/mount';

const model = new Model();
mount(model);
const lacks = missing();
if (lacks) model.fail(lacks, navigator.userAgent);
else model.connect(connect);
