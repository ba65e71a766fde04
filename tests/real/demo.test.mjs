// Can the demo's story be played as it is told, in two windows of one browser?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, seesSomebody } from './harness/browser.mjs';
import { button, knock, screenshot } from './harness/door.mjs';
import { program } from './harness/gateway.mjs';
import { eventually, freePort, Program } from './harness/process.mjs';

let demo;
let browser;
let links;

before(async () => {
  const port = await freePort();
  demo = new Program(program(), ['demo', '--listen', `127.0.0.1:${port}`]);
  browser = await openBrowser();
  await eventually('the story', () => {
    assert.ok(demo.running, demo.said());
    return demo.said().includes('Ctrl-C');
  }, { within: 20_000 });
  links = demo.said().match(/http:\/\/\S+/g);
  await demo.answers(`http://127.0.0.1:${port}/`);
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

const link = (start) => {
  const found = links.find((one) => new RegExp(`^http://${start}$`).test(one));
  assert.ok(found, `the story has no link like ${start}:\n${links.join('\n')}`);
  return found;
};

test('owner and stranger meet in two windows of one browser, and Remove ends the meeting', async () => {
  const both = await browser.person();
  const owner = await both.page();
  await owner.goto(link('127\\.0\\.0\\.1:\\d+/standup\\?t=\\S+'));
  assert.doesNotMatch(owner.url(), /t=/);
  const [door] = await Promise.all([both.context.waitForEvent('page'), owner.getByRole('link', { name: /^Door/ }).click()]);
  await door.getByRole('heading', { name: 'Waiting to come in' }).waitFor();

  const stranger = await both.page();
  await stranger.goto(link('localhost:\\d+/standup'));
  await knock(stranger, 'Zoë');
  await button(door, 'Allow', 'Zoë').click();
  await stranger.waitForURL(/localhost:\d+\/standup$/);
  await Promise.all([seesSomebody(owner, 'the owner'), seesSomebody(stranger, 'the stranger')]);
  await owner.getByText('2 people are here.').waitFor();
  await screenshot(owner, 'demo');

  await button(door, 'Remove', 'Zoë').click();
  await stranger.getByText('A host has ended your visit.').waitFor();
  await owner.getByText('You are alone here.').waitFor();
  await both.leave();
});

test('the other links of the story do what it says', async () => {
  const guest = await browser.person();
  const page = await guest.page();
  await page.goto(link('localhost:\\d+/board\\?t=\\S+'));
  await page.getByText('You are alone here.').waitFor();
  assert.doesNotMatch(page.url(), /t=/);
  await guest.leave();

  const [, expired] = links.filter((one) => /localhost:\d+\/board\?t=/.test(one));
  for (const [address, sentence] of [
    [link('localhost:\\d+/board'), 'This room is private'],
    [expired, 'This link has expired'],
    [link('localhost:\\d+/nowhere'), 'There is no such room'],
    [link('localhost:\\d+/open'), 'You are alone here.'],
  ]) {
    const stranger = await browser.person();
    const there = await stranger.page();
    await there.goto(address);
    await there.getByText(sentence).first().waitFor();
    await stranger.leave();
  }
});
