import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser } from './browser.mjs';
import { allOf, CANDIDATES, firstOf } from './roles.mjs';

const PAGE = `<!doctype html><title>roles</title>
<nav id=nav aria-label=N><ul id=ul><li><a id=a href=x>link</a></li></ul><ol id=ol><li>one</li></ol><menu id=menu><li>one</li></menu></nav>
<h1 id=h1>1</h1><h2 id=h2>2</h2><h3 id=h3>3</h3><h4 id=h4>4</h4><h5 id=h5>5</h5><h6 id=h6>6</h6>
<hr id=hr><output id=output>out</output>
<button id=button>Press <b>me</b></button><input id=submit type=submit><input id=reset type=reset><input id=push type=button value=push>
<input id=picture type=image alt=go><input id=text><input id=box type=checkbox><textarea id=area-of-text></textarea>
<div id=editable contenteditable role=textbox></div><img id=img alt=picture width=9 height=9><svg id=svg role=img aria-label=drawn width=9 height=9></svg>
<div id=hidden role=button hidden>hidden</div><div id=outer role=button aria-label=outer><i id=inner role=button>inner</i></div>
${Object.keys(CANDIDATES).map((role) => `<div id=role-${role} role=${role} aria-label=L>text</div>`).join('\n')}
<dialog id=dialog open aria-label=D>words</dialog>`;

const idsOf = (elements) => Promise.all(elements.map((element) => element.evaluate((one) => one.id)));

test('roles: a search among those that can have a role finds what a search of the whole page finds', { timeout: 120_000 }, async (t) => {
  const browser = await Browser.launch();
  t.after(() => browser.close());
  const page = await browser.puppet.newPage();
  await page.setContent(PAGE);
  for (const role of Object.keys(CANDIDATES)) {
    const found = await idsOf(await allOf(page, role));
    assert.deepEqual(found.sort(), (await idsOf(await page.$$(`::-p-aria([role="${role}"])`))).sort(), role);
    assert.ok(found.includes(`role-${role}`), role);
  }
  assert.deepEqual(await idsOf([await firstOf(page, 'button', 'Press me'), await firstOf(page, 'button', 'inner')]), ['button', 'inner']);
  assert.equal(await firstOf(page, 'button', 'hidden'), null);
  assert.deepEqual(await idsOf(await allOf(await page.$('nav'), 'list')), ['ul', 'ol', 'menu']);
});
