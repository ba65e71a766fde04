// What do people do at the door? In words of the pages: fields and buttons by what they are called.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pictures = fileURLToPath(new URL('../../../target/screenshots/', import.meta.url));

/** Keeps what the page looks like now, on a screen and on a phone. */
export async function screenshot(page, name) {
  await mkdir(pictures, { recursive: true });
  for (const [kind, size] of [['screen', { width: 1100, height: 760 }], ['phone', { width: 390, height: 780 }]]) {
    await page.setViewportSize(size);
    await page.screenshot({ path: join(pictures, `${name}-${kind}.png`) });
  }
}

/** On the knocking page: gives a name and knocks. */
export async function knock(page, name) {
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('button', { name: 'Knock', exact: true }).click();
  await page.getByRole('heading', { name: 'You have knocked' }).waitFor();
}

/** Opens the door console of a room in a tab of its own. */
export async function openDoor(person, origin, room) {
  const page = await person.page();
  await page.goto(`${origin}/_roomgate/door?room=${encodeURIComponent(room)}`);
  await page.getByRole('heading', { name: 'Waiting to come in' }).waitFor();
  return page;
}

/** At the door console: the button that does `what` (Allow, Deny, Remove, Ban) to the person of this name. */
export const button = (door, what, name) => door.getByRole('button', { name: `${what}: ${name}` });

/** Opens what a ban can be. */
export const openBan = (door, name) => door.locator(`summary[aria-label="Ban…: ${name}"]`).click();

/** Presses it, and tells when the order left the browser (milliseconds). */
export async function order(door, what, name) {
  const sent = door.waitForRequest((request) => request.method() === 'POST' && request.url().includes('/_roomgate/'));
  const [request] = await Promise.all([sent.then(() => Date.now()), button(door, what, name).click()]);
  return request;
}
